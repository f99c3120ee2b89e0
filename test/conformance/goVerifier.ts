import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

// The Go source and the document stand in the repository, not in dist/.
const ROOT = ['../../', '../../../']
  .map(path => fileURLToPath(new URL(path, import.meta.url)))
  .find(path => existsSync(join(path, 'docs/evidence.md'))) as string
const SOURCE = join(ROOT, 'test/conformance/go')
const GOPATH = '/usr/share/gocode'

/** Whether Debian's golang-go and golang-golang-x-mod-dev are there. */
export const hasGo = spawnSync('go', ['version']).status === 0 && existsSync(join(GOPATH, 'src/golang.org/x/mod'))

/** The grammar of records' fields, as docs/evidence.md has it. @throws Error when the document has no such block */
export function documentedFields(): string {
  const block = /^```fields\n([\s\S]*?)^```$/m.exec(readFileSync(join(ROOT, 'docs/evidence.md'), 'utf8'))
  if (block === null) throw new Error('docs/evidence.md has no block of fields')
  return block[1] as string
}

const binaries = new Map<string, string>()

/** Compiles the Go files of a folder, once, with the fields of the document among them; the program's path. */
function build(folder: string): string {
  const known = binaries.get(folder)
  if (known !== undefined) return known
  const dir = mkdtempSync(join(tmpdir(), 'warrant-go-'))
  for (const file of readdirSync(folder).filter(name => name.endsWith('.go')))
    copyFileSync(join(folder, file), join(dir, file))
  writeFileSync(join(dir, 'fields.txt'), documentedFields())
  const binary = join(dir, 'program')
  execFileSync('go', ['build', '-o', binary], {
    cwd: dir,
    env: { ...process.env, GO111MODULE: 'off', GOPATH, GOFLAGS: '' },
  })
  binaries.set(folder, binary)
  return binary
}

/** Compiles the independent verifier, once; its path. */
export const buildGoVerifier = () => build(SOURCE)

/** Compiles the independent log and witness, once; its path. */
export const buildGoWitness = () => build(join(SOURCE, 'witness'))

/** Runs the independent verifier on the tree of a log directory: `ok SIZE ROOT`, or why it refuses. */
export function goVerify(dir: string, vkey: string): { status: number | null; output: string } {
  return run([dir, vkey])
}

/** The same with the numbered rules of evidence.md §12. */
export function goVerifyRules(dir: string, vkey: string): { status: number | null; output: string } {
  return run(['--rules', dir, vkey])
}

function run(args: readonly string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(buildGoVerifier(), args, { encoding: 'utf8' })
  return { status, output: `${stdout}${stderr}`.trim() }
}

/** What the independent verifier says of one log of many. `fault`: of the tree or its files, "" for none. */
export type GoReport = {
  size: number
  root: string
  fault: string
  /** `rule`: "" for a payload that is missing. */
  findings: { rule: string; entry: number; reason: string }[] | null
}

/** Runs the independent verifier over many logs in one process. */
export function goVerifyMany(logs: readonly { dir: string; vkey: string }[]): GoReport[] {
  const input = logs.map(({ dir, vkey }) => `${dir}\t${vkey}\n`).join('')
  const { status, stdout, stderr } = spawnSync(buildGoVerifier(), ['--rules', '-'], {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  if (status !== 0) throw new Error(`the Go verifier ended with ${status}: ${stderr}`)
  return stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as GoReport)
}

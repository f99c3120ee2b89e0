import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

// The Go sources stand in the repository, not in dist/.
const sourceOf = (name: string) =>
  [`./go/${name}`, `../../../test/conformance/go/${name}`]
    .map(path => fileURLToPath(new URL(path, import.meta.url)))
    .find(existsSync) as string
const GOPATH = '/usr/share/gocode'

/** Whether Debian's golang-go and golang-golang-x-mod-dev are there. */
export const hasGo = spawnSync('go', ['version']).status === 0 && existsSync(join(GOPATH, 'src/golang.org/x/mod'))

const binaries = new Map<string, string>()

function build(name: string): string {
  const known = binaries.get(name)
  if (known !== undefined) return known
  const binary = join(mkdtempSync(join(tmpdir(), 'warrant-go-')), 'program')
  execFileSync('go', ['build', '-o', binary, sourceOf(name)], {
    env: { ...process.env, GO111MODULE: 'off', GOPATH, GOFLAGS: '' },
  })
  binaries.set(name, binary)
  return binary
}

/** Compiles the independent verifier, once; its path. */
export const buildGoVerifier = () => build('main.go')

/** Compiles the independent log and witness, once; its path. */
export const buildGoWitness = () => build('witness/main.go')

/** Runs the independent verifier on a log directory: `ok SIZE ROOT`, or why it refuses. */
export function goVerify(dir: string, vkey: string): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(buildGoVerifier(), [dir, vkey], { encoding: 'utf8' })
  return { status, output: `${stdout}${stderr}`.trim() }
}

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

// The Go source stands in the repository, not in dist/.
const SOURCE = ['./go/main.go', '../../../test/conformance/go/main.go']
  .map(path => fileURLToPath(new URL(path, import.meta.url)))
  .find(existsSync) as string
const GOPATH = '/usr/share/gocode'

/** Whether Debian's golang-go and golang-golang-x-mod-dev are there. */
export const hasGo = spawnSync('go', ['version']).status === 0 && existsSync(join(GOPATH, 'src/golang.org/x/mod'))

let binary: string | null = null

/** Compiles the independent verifier, once; its path. */
export function buildGoVerifier(): string {
  if (binary === null) {
    binary = join(mkdtempSync(join(tmpdir(), 'warrant-go-')), 'verify')
    execFileSync('go', ['build', '-o', binary, SOURCE], {
      env: { ...process.env, GO111MODULE: 'off', GOPATH, GOFLAGS: '' },
    })
  }
  return binary
}

/** Runs the independent verifier on a log directory: `ok SIZE ROOT`, or why it refuses. */
export function goVerify(dir: string, vkey: string): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(buildGoVerifier(), [dir, vkey], { encoding: 'utf8' })
  return { status, output: `${stdout}${stderr}`.trim() }
}

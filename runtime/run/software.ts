import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PACKAGE = ROOT.endsWith('/dist/') ? join(ROOT, '..') : ROOT

/** Name, version and digest of the code that runs: SHA-256 over every module's path and bytes. */
export function softwareIdentity(): { name: string; version: string; digest: string } {
  const { name, version } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as {
    name: string
    version: string
  }
  const hash = createHash('sha256')
  for (const dir of ['agents', 'config', 'runtime', 'strategies', 'verifier']) {
    for (const file of modules(join(ROOT, dir)))
      hash
        .update(`${relative(ROOT, file)}\0`)
        .update(readFileSync(file))
        .update('\0')
  }
  return { name, version, digest: hash.digest('hex') }
}

function modules(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true })
    .flatMap(entry =>
      entry.isDirectory()
        ? modules(join(dir, entry.name))
        : /\.(js|ts)$/.test(entry.name) && !entry.name.endsWith('.d.ts')
          ? [join(dir, entry.name)]
          : [],
    )
    .sort()
}

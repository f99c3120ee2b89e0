// Makes a clone runnable: checks Node, installs from the lock file when it changed, builds when a source changed.
// Plain JavaScript on built-in modules, because it runs before anything is installed. Prints on stderr only.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`warrant: Node ${process.versions.node} is too old: install Node 20.19 or newer`)
  process.exit(2)
}

const lockDigest = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex')
const stamp = join(root, 'node_modules', '.warrant-lock')
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lockDigest) {
  console.error('warrant: installing dependencies from the lock file (about a minute the first time)')
  // `npm ci` refuses a lock file that lists other platforms' optional packages without their details.
  const npm = spawnSync(
    process.platform === 'win32' ? 'npm.cmd' : 'npm',
    [
      'install',
      '--no-save',
      '--ignore-scripts',
      '--include=dev',
      '--include=optional',
      '--loglevel=error',
      '--prefer-offline',
    ],
    { cwd: root, stdio: ['ignore', 2, 2] },
  )
  if (npm.status !== 0) {
    console.error('warrant: npm install failed: see above; is the package registry reachable?')
    process.exit(2)
  }
  writeFileSync(stamp, lockDigest)
}

const { build } = await import('./build.mjs')
process.exitCode = await build(root)

import { spawnSync } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

/**
 * The git work tree that a file lies in, or would, and which does not ignore it; null where git would not take it. Where
 * git cannot be asked, it is taken to say yes.
 */
export function unignoredIn(file: string): string | null {
  const path = realPath(resolve(file))
  const tree = treeOf(dirname(path))
  if (tree === null) return null
  // Nothing of the work tree's own configuration may run; whose it is does not matter for what it ignores.
  const settings = ['-c', 'core.fsmonitor=false', '-c', 'safe.directory=*']
  const { status, stderr } = spawnSync('git', ['-C', tree, ...settings, 'check-ignore', '-q', '--', path], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, LC_ALL: 'C' },
    encoding: 'utf8',
  })
  const isNone = status === 128 && stderr.includes('not a git repository')
  return status === 0 || isNone ? null : tree
}

function treeOf(dir: string): string | null {
  for (let at = dir; ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return at
    if (at === dirname(at)) return null
  }
}

/** The path without links, also of what is not there yet. */
function realPath(path: string): string {
  if (existsSync(path)) return realpathSync(path)
  return path === dirname(path) ? path : join(realPath(dirname(path)), basename(path))
}

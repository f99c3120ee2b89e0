import { existsSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** What a trace says of the disk: bytes that were synced by file, and names whose directory was not synced since. */
export type DiskState = { synced: Map<string, number>; looseNames: Set<string> }

/**
 * Follows a trace (`strace -f -y`) of a writer: which bytes had reached the disk, and which names, when it ended. A file's
 * bytes are safe after its own fsync, its name after one of its directory.
 */
export function diskStateOf(trace: string, dir: string): DiskState {
  const synced = new Map<string, number>()
  const written = new Map<string, number>()
  const looseNames = new Set<string>()
  const started = new Map<string, string>()
  for (const raw of trace.split('\n')) {
    const tid = raw.slice(0, raw.indexOf(' '))
    let line = raw.slice(tid.length).trim()
    if (line.endsWith('<unfinished ...>')) {
      started.set(tid, line.slice(0, -'<unfinished ...>'.length))
      continue
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(line)
    if (resumed !== null) line = (started.get(tid) ?? '') + resumed[1]
    const call = /^(\w+)\((.*)\) += (-?\d+)/.exec(line)
    if (call === null || Number(call[3]) < 0) continue
    const [, name, args = '', result] = call
    const path = /^\d+<([^>]*)>/.exec(args)?.[1] ?? ''
    if (name === 'openat') {
      const opened = /"([^"]*)", ([A-Z_|]+)/.exec(args)
      if (opened?.[1]?.startsWith(dir) && opened[2]?.includes('O_CREAT') && !written.has(opened[1])) {
        looseNames.add(opened[1])
        written.set(opened[1], 0)
      }
      if (opened?.[1] !== undefined && opened[2]?.includes('O_TRUNC')) written.set(opened[1], 0)
    } else if ((name === 'write' || name === 'writev' || name === 'pwrite64') && path.startsWith(dir)) {
      written.set(path, (written.get(path) ?? 0) + Number(result))
    } else if ((name === 'fsync' || name === 'fdatasync') && path.startsWith(dir)) {
      if (written.has(path)) synced.set(path, written.get(path) ?? 0)
      else for (const loose of looseNames) if (dirname(loose) === path) looseNames.delete(loose)
    } else if (name === 'rename') {
      const [from = '', to = ''] = [...args.matchAll(/"([^"]*)"/g)].map(match => match[1] ?? '')
      if (!to.startsWith(dir)) continue
      synced.set(to, synced.get(from) ?? 0)
      written.set(to, written.get(from) ?? 0)
      written.delete(from)
      looseNames.delete(from)
      looseNames.add(to)
    }
  }
  return { synced, looseNames }
}

/** Makes of a directory what a power loss could leave: unsynced bytes are partly gone, unsynced names too. `random`: 0 to 1. */
export function losePower(dir: string, { synced, looseNames }: DiskState, random: () => number): number {
  let lost = 0
  for (const path of filesUnder(dir)) {
    // A name that replaced another leaves the old file behind; here the suite only drops names that were new.
    if (looseNames.has(path) && !path.endsWith('/checkpoint') && random() < 0.5) {
      rmSync(path)
      lost++
      continue
    }
    const [safe, size] = [synced.get(path) ?? 0, statSync(path).size]
    if (size <= safe || path.endsWith('/lock')) continue
    truncateSync(path, safe + Math.floor(random() * (size - safe + 1)))
    lost++
  }
  return lost
}

function filesUnder(dir: string): string[] {
  if (!existsSync(dir)) return []
  return readdirSync(dir, { withFileTypes: true }).flatMap(entry => {
    const path = join(dir, entry.name)
    return entry.isDirectory() ? filesUnder(path) : [path]
  })
}

import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** Writes a whole file so that after a power loss either all of it is there or none: temp → fsync → rename → fsync of the directory. */
export function writeDurably(path: string, bytes: Uint8Array): void {
  makeDirectory(dirname(path))
  const fd = openSync(`${path}.tmp`, 'w')
  try {
    writeAll(fd, bytes)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(`${path}.tmp`, path)
  syncDirectory(dirname(path))
}

const AT_ONCE = 4

/** Writes whole files off the caller's thread; each is there in full or not at all. One fsync per directory makes the names durable. */
export async function writeManyDurably(files: readonly { path: string; bytes: Uint8Array }[]): Promise<void> {
  const directories = new Set(files.map(({ path }) => dirname(path)))
  for (const directory of directories) makeDirectory(directory)
  const left = [...files]
  const worker = async () => {
    for (let file = left.pop(); file !== undefined; file = left.pop()) {
      const handle = await open(`${file.path}.tmp`, 'w')
      try {
        await handle.writeFile(file.bytes)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(`${file.path}.tmp`, file.path)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  for (const directory of directories) syncDirectory(directory)
}

/** Creates a directory and makes its entry in the parent durable. */
export function makeDirectory(path: string): void {
  const absolute = resolve(path)
  const first = mkdirSync(absolute, { recursive: true })
  if (first === undefined) return
  // From the one asked for up to the first that was missing: each is an entry in its parent.
  for (let dir = absolute; dir !== dirname(first); dir = dirname(dir)) syncDirectory(dirname(dir))
}

/** fsync of a directory: makes creations, renames and removals in it durable. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Writes every byte at the file's position; a short write goes on where it stopped. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  for (let offset = 0; offset < bytes.length; ) offset += writeSync(fd, bytes, offset, bytes.length - offset)
}

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromUtf8 } from '#verifier/evidence/bytes.ts'
import { decodePack } from '#verifier/log/blobPack.ts'
import { parseCheckpoint } from '#verifier/log/checkpoint.ts'
import { parseNote } from '#verifier/log/signedNote.ts'
import { parseTilePath, TILE_WIDTH } from '#verifier/log/tiles.ts'
import type { LogFiles } from '#verifier/log/verifyTree.ts'
import { openLogFiles } from './logFiles.ts'

/** A log's directory as one checkpoint shows it. `isOpen`: a writer has it, or ended without closing it; known once listed. */
export type SettledFiles = LogFiles & { isOpen(): boolean }

/**
 * A log's directory as of the checkpoint that lies there now, whoever writes meanwhile: what is ahead of it, and what is
 * being written, is left out. Takes no lock. Of a closed log nothing is left out.
 *
 * @throws FILE_MISSING
 * @example const files = openSettledFiles('runs/demo/log')
 */
export function openSettledFiles(dir: string): SettledFiles {
  const files = openLogFiles(dir)
  const note = readFileSync(join(dir, 'checkpoint'))
  let isOpen = false
  let newestPack = ''

  function list(): string[] {
    const all = walk(dir, '')
    // A closed log keeps at most its idempotency keys there.
    const isHeld = all.some(path => path.startsWith('state/') && path !== 'state/keys')
    newestPack =
      all
        .filter(path => path.startsWith('blobs/'))
        .sort()
        .at(-1) ?? ''
    isOpen = isHeld || !note.equals(readFileSync(join(dir, 'checkpoint')))
    if (!isOpen) return all
    const size = sizeOf(note)
    return all.filter(path => {
      const tile = parseTilePath(path)
      const isAhead = tile !== null && coverage(tile) > size
      return !isAhead && !path.startsWith('state/') && !path.endsWith('.tmp')
    })
  }

  return {
    isOpen: () => isOpen,
    list: async () => list(),
    async read(path) {
      if (path === 'checkpoint') return note
      const bytes = await files.read(path)
      return bytes !== null && isOpen && path === newestPack ? wholePayloads(bytes) : bytes
    },
  }
}

/** A pack up to the end of its last whole payload: the rest is being written, and no published entry names it. */
export function wholePayloads(pack: Uint8Array): Uint8Array {
  let end = 0
  try {
    for (const blob of decodePack(pack)) end = blob.end
  } catch {
    return pack.subarray(0, end)
  }
  return pack
}

/** Entries that the tree must have for a tile to be whole. */
export function coverage({ level, index, width }: NonNullable<ReturnType<typeof parseTilePath>>): number {
  return (index * TILE_WIDTH + width) * TILE_WIDTH ** (level === 'entries' ? 0 : level)
}

/** The size that a checkpoint claims; 0 when it is none, which the verification then says. */
function sizeOf(note: Uint8Array): number {
  try {
    return parseCheckpoint(parseNote(fromUtf8(note)).text).size
  } catch {
    return 0
  }
}

/** Names under a directory; one that goes meanwhile holds nothing. */
function walk(root: string, prefix: string): string[] {
  try {
    return readdirSync(join(root, prefix), { withFileTypes: true }).flatMap(entry => {
      const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`
      return entry.isDirectory() ? walk(root, path) : [path]
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && prefix !== '') return []
    throw error
  }
}

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { createMerkleTree, type MerkleTree } from '#runtime/log/merkleTree.ts'
import { coverage } from '#runtime/log/settledFiles.ts'
import { readWal } from '#runtime/log/wal.ts'
import { equalBytes } from '#verifier/evidence/bytes.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { decodePack } from '#verifier/log/blobPack.ts'
import { parseCheckpoint } from '#verifier/log/checkpoint.ts'
import { hashLeaf } from '#verifier/log/merkle.ts'
import { parseNote } from '#verifier/log/signedNote.ts'
import { encodeBundle, parseTilePath, TILE_WIDTH } from '#verifier/log/tiles.ts'
import { type Finding, type LogFiles, verifyTree } from '#verifier/log/verifyTree.ts'
import { logKeyFor } from './logKey.ts'

export type FsckReport = {
  /** Entries under the checkpoint, and those that the next writer will start with. */
  published: number
  durable: number
  root: string | null
  differs: Finding[]
  notes: string[]
}

type Tile = NonNullable<ReturnType<typeof parseTilePath>>

/** Rebuilds what follows from a log's entries and compares; changes nothing. @throws FILE_MISSING, BAD_INPUT */
export async function fsck(dir: string, vkey: string | undefined): Promise<FsckReport> {
  const state = join(dir, 'state')
  if (!existsSync(join(dir, 'checkpoint')) && !existsSync(state))
    throw new WarrantError('FILE_MISSING', `${dir} holds neither a checkpoint nor a write-ahead log`)
  // A closed log keeps at most its idempotency keys there.
  const isOpen = existsSync(state) && readdirSync(state).some(name => name !== 'keys')
  const notes: string[] = []
  const differs: Finding[] = []
  const tree = createMerkleTree()
  const entries: Uint8Array[] = []
  const ahead: string[] = []
  let published = 0
  if (existsSync(join(dir, 'checkpoint'))) {
    const { key } = logKeyFor(dir, vkey)
    published = sizeOf(readFileSync(join(dir, 'checkpoint'), 'utf8'))
    const files = isOpen ? settledFiles(dir, notes, published, ahead) : openLogFiles(dir)
    const report = await verifyTree({ files, crypto: nodeCrypto, key }, (entry, _index, leaf) => {
      tree.append(leaf)
      entries.push(entry)
    })
    differs.push(...report.findings)
  } else notes.push('nothing was published yet')

  if (isOpen) {
    try {
      const { start, items, torn } = readWal(state, published)
      for (const [i, item] of items.entries()) {
        const leaf = item.leaf ?? hashLeaf(nodeCrypto, item.entry)
        if (start + i > tree.size)
          throw new WarrantError('EVIDENCE_MISSING', `entries ${tree.size} to ${start} are nowhere`)
        if (start + i === tree.size) {
          tree.append(leaf)
          entries.push(item.entry)
        } else if (!equalBytes(tree.leaf(start + i), leaf))
          differs.push({ where: `state/wal-${start}`, reason: `entry ${start + i} is not the published one` })
      }
      if (torn > 0) notes.push(`${torn} bytes of a write that was never acknowledged end the write-ahead log`)
    } catch (error) {
      differs.push({ where: 'state/', reason: reasonOf(error) })
    }
    for (const path of ahead) {
      if (!isAsRebuilt(dir, path, tree, entries))
        differs.push({ where: path, reason: 'is not the tile of the durable entries' })
    }
    if (ahead.length > 0) notes.push(`${ahead.length} tiles are ahead of the checkpoint: their writer ended before it`)
    notes.push('the log is open, or its writer ended without closing it')
  }
  return {
    published,
    durable: tree.size,
    root: tree.size === 0 ? null : Buffer.from(tree.root()).toString('hex'),
    differs,
    notes,
  }
}

/** The files as the next writer finds them: without its own state, without what a crash left half-written. */
function settledFiles(dir: string, notes: string[], published: number, ahead: string[]): LogFiles {
  const files = openLogFiles(dir)
  const packs = existsSync(join(dir, 'blobs')) ? readdirSync(join(dir, 'blobs')).sort() : []
  const open = packs.at(-1)
  return {
    async read(path) {
      if (open === undefined || path !== `blobs/${open}`) return files.read(path)
      // The last pack of an open log may end in a write that nothing names yet.
      const bytes = readFileSync(join(dir, path))
      let end = 0
      try {
        for (const blob of decodePack(bytes)) end = blob.end
      } catch {
        notes.push(`${bytes.length - end} bytes of an unfinished write end ${path}`)
      }
      return bytes.subarray(0, end)
    },
    async list() {
      const all = (await files.list()).filter(path => !path.startsWith('state/'))
      const temporary = all.filter(path => path.endsWith('.tmp'))
      if (temporary.length > 0) notes.push(`${temporary.length} temporary files, which the next writer removes`)
      return all.filter(path => {
        const tile = parseTilePath(path)
        const isAhead = tile !== null && coverage(tile) > published
        if (isAhead) ahead.push(path)
        return !isAhead && !path.endsWith('.tmp')
      })
    },
  }
}

function isAsRebuilt(dir: string, path: string, tree: MerkleTree, entries: readonly Uint8Array[]): boolean {
  const tile = parseTilePath(path) as Tile
  if (coverage(tile) > tree.size) return false
  const first = tile.index * TILE_WIDTH
  const expected =
    tile.level === 'entries'
      ? encodeBundle(entries.slice(first, first + tile.width))
      : tree.nodes(8 * tile.level, first, first + tile.width)
  return equalBytes(readFileSync(join(dir, path)), expected)
}

/** The size that a checkpoint claims; 0 when it is none, which the verification then says. */
function sizeOf(note: string): number {
  try {
    return parseCheckpoint(parseNote(note).text).size
  } catch {
    return 0
  }
}

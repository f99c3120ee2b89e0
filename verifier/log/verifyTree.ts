import { equalBytes, fromUtf8, toHex } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { reasonOf } from '#verifier/evidence/error.ts'
import { decodePack } from './blobPack.ts'
import { type Checkpoint, openCheckpoint, signedOnlyBy } from './checkpoint.ts'
import { createFrontier } from './frontier.ts'
import { hashLeaf } from './merkle.ts'
import { formatVkey, type NoteKey } from './signedNote.ts'
import { decodeBundle, encodeBundle, TILE_WIDTH, tilePath, tilesOf } from './tiles.ts'

/** Read access to a log's directory, wherever it lies. Paths are relative, with `/`. */
export type LogFiles = { read(path: string): Promise<Uint8Array | null>; list(): Promise<string[]> }

/** Something wrong: where, and why. */
export type Finding = { where: string; reason: string }

export type TreeReport = { checkpoint: Checkpoint | null; blobs: Map<string, number>; findings: Finding[] }

const MAX_FINDINGS = 100

/**
 * Verifies a log's directory byte by byte: the checkpoint's signature, every tile of every level against the entries,
 * every blob against its name, and that nothing else lies there. Each entry is handed to `onEntry` in order, after its
 * bundle was read and before the root is compared.
 */
export async function verifyTree(
  { files, crypto, key }: { files: LogFiles; crypto: CryptoPort; key: NoteKey },
  onEntry: (entry: Uint8Array, index: number, leaf: Uint8Array) => void | Promise<void>,
): Promise<TreeReport> {
  const findings: Finding[] = []
  const find = (where: string, reason: string) => {
    if (findings.length < MAX_FINDINGS) findings.push({ where, reason })
  }
  const rest = new Set(await files.list())
  const blobs = await verifyBlobs(files, crypto, rest, find)

  const note = await files.read('checkpoint')
  rest.delete('checkpoint')
  if (note === null) {
    find('checkpoint', 'missing: this is not the directory of a published log')
    return { checkpoint: null, blobs, findings }
  }
  let checkpoint: Checkpoint
  try {
    const opened = openCheckpoint(crypto, fromUtf8(note), key)
    checkpoint = opened
    if (!signedOnlyBy(opened.note, key)) find('checkpoint', 'carries a signature of an unknown key')
  } catch (error) {
    find('checkpoint', reasonOf(error))
    return { checkpoint: null, blobs, findings }
  }
  const vkey = await files.read('vkey')
  rest.delete('vkey')
  if (vkey !== null && !equalBytes(vkey, new TextEncoder().encode(`${formatVkey(key)}\n`)))
    find('vkey', 'is not the key that the log is verified with')

  await verifyTiles({ files, crypto, rest, find }, checkpoint, onEntry)
  for (const path of rest) {
    if (path.startsWith('state/')) continue
    find(path, 'is no part of this log')
  }
  if ([...rest].some(path => path.startsWith('state/'))) {
    find(
      'state/',
      'the log is open, or its writer ended without closing it: entries that are not published cannot be verified here',
    )
  }
  return { checkpoint, blobs, findings }
}

type Walk = { files: LogFiles; crypto: CryptoPort; rest: Set<string>; find: (where: string, reason: string) => void }

async function verifyTiles(
  walk: Walk,
  checkpoint: Checkpoint,
  onEntry: (entry: Uint8Array, index: number, leaf: Uint8Array) => void | Promise<void>,
): Promise<void> {
  const { files, crypto, find } = walk
  const frontier = createFrontier(crypto)
  // One unfinished tile per level; a full one is compared with the file as soon as it is complete.
  const open: { index: number; hashes: Uint8Array[] }[] = []
  const complete: { level: number; index: number; hashes: Uint8Array[] }[] = []
  const onNode = (height: number, hash: Uint8Array) => {
    if (height % 8 !== 0) return
    const level = height / 8
    let tile = open[level]
    if (tile === undefined) {
      tile = { index: 0, hashes: [] }
      open[level] = tile
    }
    tile.hashes.push(hash)
    if (tile.hashes.length === TILE_WIDTH) {
      complete.push({ level, ...tile })
      open[level] = { index: tile.index + 1, hashes: [] }
    }
  }

  const bundles = [...tilesOf(checkpoint.size)].filter(tile => tile.level === 'entries')
  for (const { index, width, path } of bundles) {
    const bytes = await readTile(walk, path)
    if (bytes === null) return find(path, 'missing: entries cannot be verified past it')
    let entries: Uint8Array[]
    try {
      entries = decodeBundle(bytes, width)
    } catch (error) {
      return find(path, reasonOf(error))
    }
    for (const [i, entry] of entries.entries()) {
      const leaf = hashLeaf(crypto, entry)
      frontier.append(leaf, onNode)
      await onEntry(entry, index * TILE_WIDTH + i, leaf)
    }
    await verifyPartials(walk, 'entries', index, width, w => encodeBundle(entries.slice(0, w)))
    while (complete.length > 0) await compareTile(walk, complete.shift() as (typeof complete)[number])
  }
  for (const [level, tile] of open.entries()) {
    if (tile.hashes.length > 0) await compareTile(walk, { level, ...tile })
  }
  if (!equalBytes(frontier.root(), checkpoint.root)) {
    find('checkpoint', `its root is ${toHex(checkpoint.root)}, the entries have ${toHex(frontier.root())}`)
  }
  const expected = new Set([...tilesOf(checkpoint.size)].map(tile => tile.path))
  for (const path of expected) {
    if (walk.rest.has(path)) find(path, 'was not reached')
    else if ((await files.read(path)) === null) find(path, 'missing')
  }
}

async function compareTile(
  walk: Walk,
  { level, index, hashes }: { level: number; index: number; hashes: Uint8Array[] },
): Promise<void> {
  const path = tilePath(level, index, hashes.length)
  const expected = (width: number) => {
    const bytes = new Uint8Array(32 * width)
    for (let i = 0; i < width; i++) bytes.set(hashes[i] as Uint8Array, 32 * i)
    return bytes
  }
  const bytes = await readTile(walk, path)
  if (bytes !== null && !equalBytes(bytes, expected(hashes.length)))
    walk.find(path, 'does not hold the hashes of its entries')
  await verifyPartials(walk, level, index, hashes.length, expected)
}

async function readTile(walk: Walk, path: string): Promise<Uint8Array | null> {
  walk.rest.delete(path)
  return walk.files.read(path)
}

/** Partial tiles of earlier checkpoints stay until the full one is there; what is left of them must still be true. */
async function verifyPartials(
  walk: Walk,
  level: number | 'entries',
  index: number,
  width: number,
  expected: (width: number) => Uint8Array,
): Promise<void> {
  const prefix = `${tilePath(level, index)}.p/`
  for (let w = 1; w < TILE_WIDTH; w++) {
    const path = `${prefix}${w}`
    if (!walk.rest.has(path)) continue
    walk.rest.delete(path)
    if (w > width) walk.find(path, 'is wider than the checkpoint covers')
    else if (!equalBytes((await walk.files.read(path)) ?? new Uint8Array(0), expected(w)))
      walk.find(path, 'differs from the entries')
  }
}

async function verifyBlobs(
  files: LogFiles,
  crypto: CryptoPort,
  rest: Set<string>,
  find: (where: string, reason: string) => void,
): Promise<Map<string, number>> {
  const blobs = new Map<string, number>()
  for (const path of [...rest].filter(name => /^blobs\/pack-\d{6}$/.test(name)).sort()) {
    rest.delete(path)
    try {
      for (const { sha256, bytes, offset } of decodePack((await files.read(path)) ?? new Uint8Array(0))) {
        if (toHex(crypto.sha256(bytes)) !== sha256)
          find(path, `the blob at byte ${offset} is not what its digest names`)
        else blobs.set(sha256, bytes.length)
      }
    } catch (error) {
      find(path, reasonOf(error))
    }
  }
  return blobs
}

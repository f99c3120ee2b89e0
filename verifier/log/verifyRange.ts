import { concatAll, equalBytes, fromUtf8, toHex, utf8 } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { emptyRoot, hashLeaves, rowRoot } from './merkle.ts'
import { formatVkey, type NoteKey } from './signedNote.ts'
import { decodeBundle, TILE_WIDTH, tilePath } from './tiles.ts'
import { verifyBlobs } from './verifyBlobs.ts'
import type { Finding, LogFiles } from './verifyTree.ts'

export type VerifyRangeParameters = { files: LogFiles; crypto: CryptoPort; key: NoteKey; from: number; to: number }
export type RangeReport = { checkpoint: Checkpoint | null; blobs: Map<string, number>; findings: Finding[] }

const TILE_BYTES = 32 * TILE_WIDTH

/**
 * Verifies that the entries [from, to) are those of the tree that the checkpoint signs, from their bundles and the tiles
 * above them alone, and that nothing else lies there. Each entry is handed to `onEntry`.
 */
export async function verifyRange(
  { files, crypto, key, from, to }: VerifyRangeParameters,
  onEntry?: (entry: Uint8Array, index: number) => unknown,
): Promise<RangeReport> {
  const findings: Finding[] = []
  const find = (where: string, reason: string) => void findings.push({ where, reason })
  const rest = new Set(await files.list())
  const read = async (path: string): Promise<Uint8Array> => {
    rest.delete(path)
    const bytes = await files.read(path)
    if (bytes === null) throw new WarrantError('EVIDENCE_MISSING', `${path} is missing`)
    return bytes
  }
  const readRow = async (level: number, first: number, end: number): Promise<Uint8Array> => {
    const tiles: Uint8Array[] = []
    for (let at = first; at < end; at += TILE_WIDTH) {
      const width = Math.min(TILE_WIDTH, end - at)
      const path = tilePath(level, at / TILE_WIDTH, width)
      const bytes = await read(path)
      if (bytes.length !== 32 * width)
        throw new WarrantError('EVIDENCE_MALFORMED', `${path} has ${bytes.length} bytes, expected ${32 * width}`)
      tiles.push(bytes)
    }
    return concatAll(tiles)
  }

  let checkpoint: Checkpoint | null = null
  const blobs = await verifyBlobs(files, crypto, rest, find)
  try {
    checkpoint = openCheckpoint(crypto, fromUtf8(await read('checkpoint')), key)
    const { size, root } = checkpoint
    if (from > to || to > size)
      throw new WarrantError('EVIDENCE_MALFORMED', `entries ${from} to ${to} of a tree of ${size}`)

    // From the leaves up: what is complete below is what stands above, and what is open at each level makes the root.
    const complete = Math.floor(size / TILE_WIDTH)
    const openLeaves = await readRow(0, complete * TILE_WIDTH, size)
    const bundleRoots = await readRow(1, 0, complete)
    let tail = rowRoot(crypto, openLeaves)
    for (let [level, row] = [1, bundleRoots]; row.length > 0; level++) {
      const full = Math.floor(row.length / TILE_BYTES)
      tail = rowRoot(crypto, row.subarray(TILE_BYTES * full), tail)
      const above = await readRow(level + 1, 0, full)
      for (let i = 0; i < full; i++) {
        const folded = rowRoot(crypto, row.subarray(TILE_BYTES * i, TILE_BYTES * (i + 1))) as Uint8Array
        if (!equalBytes(folded, above.subarray(32 * i, 32 * i + 32)))
          find(tilePath(level, i), `is not the tile under hash ${i} of level ${level + 1}`)
      }
      row = above
    }
    const computed = tail ?? emptyRoot(crypto)
    if (!equalBytes(computed, root)) find('checkpoint', `its root is ${toHex(root)}, the tiles have ${toHex(computed)}`)

    for (let bundle = Math.floor(from / TILE_WIDTH); bundle * TILE_WIDTH < to; bundle++) {
      const width = Math.min(TILE_WIDTH, size - bundle * TILE_WIDTH)
      const path = tilePath('entries', bundle, width)
      const bytes = await read(path)
      const entries = decodeBundle(bytes, width)
      const leaves = hashLeaves(crypto, bytes, entries)
      const whole = width === TILE_WIDTH
      const stands = whole ? bundleRoots.subarray(32 * bundle, 32 * bundle + 32) : openLeaves
      if (!equalBytes(whole ? (rowRoot(crypto, leaves) as Uint8Array) : leaves, stands))
        find(path, 'its entries are not those of the tree')
      if (whole && !equalBytes(await readRow(0, bundle * TILE_WIDTH, (bundle + 1) * TILE_WIDTH), leaves))
        find(tilePath(0, bundle), 'does not hold the hashes of its entries')
      for (const [i, entry] of entries.entries()) {
        const index = bundle * TILE_WIDTH + i
        if (index >= from && index < to) await onEntry?.(entry, index)
      }
    }
    if (!equalBytes(await read('vkey'), utf8(`${formatVkey(key)}\n`)))
      find('vkey', 'is not the key that the log is verified with')
  } catch (error) {
    find('bundle', reasonOf(error))
  }
  rest.delete('bundle.json')
  if (findings.length === 0) for (const path of rest) find(path, 'is no part of this range')
  return { checkpoint, blobs, findings }
}

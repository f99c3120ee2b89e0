import { equalBytes } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { reasonOf } from '#verifier/evidence/error.ts'
import { hashLeaves, hashNodes, rowRoot } from './merkle.ts'
import { decodeBundle, encodeBundle, TILE_WIDTH, tilePath } from './tiles.ts'
import type { Finding, LogFiles } from './verifyTree.ts'

/** Entries under one tile of level 1: what is verified at a time, here or on another core. */
export const UNIT = TILE_WIDTH * TILE_WIDTH

/** Widths of the partial tiles that lie beside each tile, by its path. */
export type Partials = ReadonlyMap<string, readonly number[]>

/** A unit's subtree as its entries have it: null when they could not be read to the end. */
export type UnitReport = { root: Uint8Array | null; findings: Finding[] }

/** Handed every entry in order. `leaf` is its leaf hash. */
export type OnEntry = (entry: Uint8Array, index: number, leaf: Uint8Array) => void | Promise<void>

/** Verifies the entries [index · UNIT, index · UNIT + count): bundles, their leaf hashes, the tiles of levels 0 and 1. */
export async function verifyUnit(
  { files, crypto, partials }: { files: LogFiles; crypto: CryptoPort; partials: Partials },
  { index, count }: { index: number; count: number },
  onEntry?: OnEntry,
): Promise<UnitReport> {
  const findings: Finding[] = []
  const walk: Walk = { files, partials, find: (where, reason) => findings.push({ where, reason }) }
  const bundleRoots = new Uint8Array(32 * Math.floor(count / TILE_WIDTH))
  let tail: Uint8Array | null = null
  for (let i = 0; i * TILE_WIDTH < count; i++) {
    const bundle = index * TILE_WIDTH + i
    const width = Math.min(TILE_WIDTH, count - i * TILE_WIDTH)
    const path = tilePath('entries', bundle, width)
    const bytes = await files.read(path)
    if (bytes === null) {
      walk.find(path, 'missing: entries cannot be verified past it')
      return { root: null, findings }
    }
    let entries: Uint8Array[]
    try {
      entries = decodeBundle(bytes, width)
    } catch (error) {
      walk.find(path, reasonOf(error))
      return { root: null, findings }
    }
    const leaves = hashLeaves(crypto, bytes, entries)
    if (onEntry !== undefined) {
      for (const [j, entry] of entries.entries()) {
        const done = onEntry(entry, bundle * TILE_WIDTH + j, leaves.subarray(32 * j, 32 * j + 32))
        if (done !== undefined) await done
      }
    }
    await verifyPartials(walk, 'entries', bundle, width, w => encodeBundle(entries.slice(0, w)))
    await verifyTile(walk, 0, bundle, leaves)
    const root = rowRoot(crypto, leaves)
    if (root !== null && width === TILE_WIDTH) bundleRoots.set(root, 32 * i)
    else tail = root
  }
  if (bundleRoots.length > 0) await verifyTile(walk, 1, index, bundleRoots)
  return { root: rowRoot(crypto, bundleRoots, tail), findings }
}

type Walk = { files: LogFiles; partials: Partials; find(where: string, reason: string): void }

/** Compares a tile, and the partial ones left of it, with the hashes in a row that the entries give. */
export async function verifyTile(walk: Walk, level: number, index: number, hashes: Uint8Array): Promise<void> {
  const width = hashes.length / 32
  const path = tilePath(level, index, width)
  const bytes = await walk.files.read(path)
  if (bytes === null) walk.find(path, 'missing')
  else if (!equalBytes(bytes, hashes)) walk.find(path, 'does not hold the hashes of its entries')
  await verifyPartials(walk, level, index, width, w => hashes.subarray(0, 32 * w))
}

/** Partial tiles of earlier checkpoints stay until the full one is there; what is left of them must still be true. */
async function verifyPartials(
  walk: Walk,
  level: number | 'entries',
  index: number,
  width: number,
  expected: (width: number) => Uint8Array,
): Promise<void> {
  for (const w of walk.partials.get(tilePath(level, index)) ?? []) {
    const path = tilePath(level, index, w)
    if (w > width) walk.find(path, 'is wider than the checkpoint covers')
    // The one of the checkpoint's own width was compared already.
    else if (w < width && !equalBytes((await walk.files.read(path)) ?? new Uint8Array(0), expected(w)))
      walk.find(path, 'differs from the entries')
  }
}

/** Roots of the tiles above a unit's, and the tree's root: from the units' roots in a row and the last, partial one. */
export async function verifyUpperTiles(
  { files, crypto, partials, find }: Walk & { crypto: CryptoPort },
  unitRoots: Uint8Array,
  tail: Uint8Array | null,
): Promise<Uint8Array | null> {
  let [row, rest, level] = [unitRoots, tail, 2]
  while (row.length > 0) {
    const full = Math.floor(row.length / 32 / TILE_WIDTH)
    for (let i = 0; i * TILE_WIDTH * 32 < row.length; i++) {
      await verifyTile(
        { files, partials, find },
        level,
        i,
        row.subarray(32 * TILE_WIDTH * i, 32 * TILE_WIDTH * (i + 1)),
      )
    }
    const left = row.subarray(32 * TILE_WIDTH * full)
    if (left.length > 0) rest = rowRoot(crypto, left, rest)
    let above = row.subarray(0, 32 * TILE_WIDTH * full)
    for (let height = 0; height < 8 && above.length > 0; height++) above = hashNodes(crypto, above)
    row = above
    level++
  }
  return rest
}

import { equalBytes, toHex } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { TILE_WIDTH, tilePath } from '#verifier/log/tiles.ts'
import type { LogFiles } from '#verifier/log/verifyTree.ts'
import { createMerkleTree, type MerkleTree } from './merkleTree.ts'

/** Entries of a tree that is held in memory at most: 64 bytes each. */
const MOST_ENTRIES = 2 ** 26

/**
 * The tree of a tiled log from its leaf hashes alone (C2SP tlog-tiles, level 0): proofs of any log, whatever its entries.
 * A partial tile that is gone may be read from the full one that followed it.
 *
 * @throws EVIDENCE_MISSING, EVIDENCE_MALFORMED when the tiles do not have the root
 */
export async function readTiledTree(
  files: Pick<LogFiles, 'read'>,
  { size, root }: { size: bigint; root: Uint8Array },
): Promise<MerkleTree> {
  if (size > MOST_ENTRIES)
    throw new WarrantError('EVIDENCE_MISSING', `a log of ${size} entries is not read here: ${MOST_ENTRIES} at most`)
  const tree = createMerkleTree()
  const count = Number(size)
  for (let index = 0; index * TILE_WIDTH < count; index++) {
    const width = Math.min(TILE_WIDTH, count - index * TILE_WIDTH)
    const bytes = (await files.read(tilePath(0, index, width))) ?? (await files.read(tilePath(0, index)))
    if (bytes === null || bytes.length < 32 * width)
      throw new WarrantError('EVIDENCE_MISSING', `${tilePath(0, index, width)} is missing`)
    tree.append(bytes.subarray(0, 32 * width))
  }
  if (!equalBytes(tree.root(), root))
    throw new WarrantError(
      'EVIDENCE_MALFORMED',
      `the tiles have the root ${toHex(tree.root())}, the checkpoint says ${toHex(root)}`,
    )
  return tree
}

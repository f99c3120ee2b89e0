import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { equalBytes } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { encodeBundle, TILE_WIDTH, tilePath } from '#verifier/log/tiles.ts'
import { writeManyDurably } from './disk.ts'
import type { MerkleTree } from './merkleTree.ts'

export type PublishTilesParameters = {
  dir: string
  tree: MerkleTree
  /** The size that is on disk already, and the one to bring it to. */
  from: number
  to: number
  /** Entries [first, end), which reach back to the start of the bundle that `from` lies in. */
  entries(first: number, end: number): readonly Uint8Array[]
}

/** Writes every tile of the tree of size `to` that its tree of size `from` did not have. A file that exists is never given other content. @throws LOG_HALTED */
export async function publishTiles({ dir, tree, from, to, entries }: PublishTilesParameters): Promise<void> {
  const files: { path: string; bytes: Uint8Array }[] = []
  for (const level of ['entries', 0, 1, 2, 3, 4, 5, 6] as const) {
    const span = TILE_WIDTH ** (level === 'entries' ? 0 : level)
    const [had, has] = [Math.floor(from / span), Math.floor(to / span)]
    if (had === has) continue
    for (let first = had - (had % TILE_WIDTH); first < has; first += TILE_WIDTH) {
      const end = Math.min(first + TILE_WIDTH, has)
      const path = join(dir, tilePath(level, first / TILE_WIDTH, end - first))
      const bytes = level === 'entries' ? encodeBundle(entries(first, end)) : tree.nodes(8 * level, first, end)
      if (!existsSync(path)) files.push({ path, bytes })
      else if (!equalBytes(readFileSync(path), bytes))
        throw new WarrantError('LOG_HALTED', `${path} exists with other content: a tile is never rewritten`)
    }
  }
  await writeManyDurably(files)
}

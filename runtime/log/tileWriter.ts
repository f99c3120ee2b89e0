import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { concat, equalBytes } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { encodeBundle, TILE_WIDTH, tilePath } from '#verifier/log/tiles.ts'
import { writeDurably } from './disk.ts'

/** Turns completed subtrees into tiles. Holds at most one unfinished tile per level. */
export type TileWriter = {
  /** A complete subtree of 2^height leaves (from a frontier), and for height 0 its entry. */
  node(height: number, hash: Uint8Array): void
  entry(bytes: Uint8Array): void
  /** Writes every tile that holds something not yet on disk. */
  flush(): void
}

type Tile = { level: number | 'entries'; index: number; items: Uint8Array[] }

/** A tile writer for the tree in `dir`, empty: the caller feeds it every leaf from the first on, or restores it. */
export function createTileWriter(dir: string): TileWriter {
  const open = new Map<number | 'entries', Tile & { written: number }>()
  let full: Tile[] = []

  function add(level: number | 'entries', item: Uint8Array): void {
    const tile = open.get(level) ?? { level, index: 0, items: [], written: 0 }
    tile.items.push(item)
    if (tile.items.length < TILE_WIDTH) {
      open.set(level, tile)
      return
    }
    full.push(tile)
    open.set(level, { level, index: tile.index + 1, items: [], written: 0 })
  }

  return {
    entry: bytes => add('entries', bytes),
    node(height, hash) {
      if (height % 8 === 0) add(height / 8, hash)
    },
    flush() {
      for (const tile of full) writeTile(dir, tile)
      full = []
      for (const tile of open.values()) {
        if (tile.items.length === tile.written) continue
        writeTile(dir, tile)
        tile.written = tile.items.length
      }
    },
  }
}

/** Writes one tile; a file that exists is never given other content. @throws LOG_HALTED */
function writeTile(dir: string, { level, index, items }: Tile): void {
  const path = join(dir, tilePath(level, index, items.length))
  const bytes = level === 'entries' ? encodeBundle(items) : concat(...items)
  if (existsSync(path)) {
    if (equalBytes(readFileSync(path), bytes)) return
    throw new WarrantError('LOG_HALTED', `${path} exists with other content: a tile is never rewritten`)
  }
  writeDurably(path, bytes)
}

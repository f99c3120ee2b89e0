import { concat } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'

/** Hashes or entries in a full tile (C2SP tlog-tiles). */
export const TILE_WIDTH = 256

/** `tile/<L>/<N>[.p/<W>]`, N in groups of three digits, all but the last with an x: 1234067 → x001/x234/067. */
export function tilePath(level: number | 'entries', index: number, width: number = TILE_WIDTH): string {
  const digits = String(index)
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0')
  const groups = padded.match(/.{3}/g) ?? []
  const path = groups.map((group, i) => (i === groups.length - 1 ? group : `x${group}`)).join('/')
  return `tile/${level}/${path}${width === TILE_WIDTH ? '' : `.p/${width}`}`
}

/** What a path names, null when it is no tile's in its one canonical form. */
export function parseTilePath(path: string): { level: number | 'entries'; index: number; width: number } | null {
  const match = /^tile\/(entries|[0-6])\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/.exec(path)
  if (match === null) return null
  const level = match[1] === 'entries' ? 'entries' : Number(match[1])
  const index = Number((match[2] as string).replace(/[x/]/g, ''))
  const width = match[3] === undefined ? TILE_WIDTH : Number(match[3])
  return tilePath(level, index, width) === path ? { level, index, width } : null
}

/** Every tile of a tree of `size`: level by level, full ones first, then the partial one. Entry bundles included. */
export function* tilesOf(
  size: number,
): Generator<{ level: number | 'entries'; index: number; width: number; path: string }> {
  for (const level of ['entries', 0, 1, 2, 3, 4, 5, 6] as const) {
    const count = Math.floor(size / TILE_WIDTH ** (level === 'entries' ? 0 : level))
    if (count === 0) return
    for (let index = 0; index * TILE_WIDTH < count; index++) {
      const width = Math.min(TILE_WIDTH, count - index * TILE_WIDTH)
      yield { level, index, width, path: tilePath(level, index, width) }
    }
  }
}

/** An entry bundle: each entry after its 16-bit big-endian length. */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  return concat(...entries.flatMap(entry => [Uint8Array.of(entry.length >> 8, entry.length & 255), entry]))
}

/** The entries of a bundle of `width`; a length that runs past the end, or bytes left over: refused. @throws EVIDENCE_MALFORMED */
export function decodeBundle(bytes: Uint8Array, width: number): Uint8Array[] {
  const entries: Uint8Array[] = []
  let offset = 0
  while (entries.length < width) {
    if (offset + 2 > bytes.length)
      throw new WarrantError('EVIDENCE_MALFORMED', `entry bundle ends after ${entries.length} of ${width} entries`)
    const length = ((bytes[offset] as number) << 8) | (bytes[offset + 1] as number)
    offset += 2
    if (offset + length > bytes.length)
      throw new WarrantError('EVIDENCE_MALFORMED', 'entry bundle: an entry runs past the end')
    entries.push(bytes.subarray(offset, offset + length))
    offset += length
  }
  if (offset !== bytes.length)
    throw new WarrantError('EVIDENCE_MALFORMED', `entry bundle has ${bytes.length - offset} bytes too many`)
  return entries
}

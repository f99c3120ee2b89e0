import { concat, fromHex, toHex } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'

/** A blob pack: per blob the SHA-256 of its bytes (32), its length (8, big-endian), its bytes. */
const HEADER = 40

/** What stands before a blob in a pack. `sha256`: hex digest of its bytes, computed by the caller. */
export function packedHeader(sha256: string, size: number): Uint8Array {
  const length = new Uint8Array(8)
  new DataView(length.buffer).setBigUint64(0, BigInt(size))
  return concat(fromHex(sha256), length)
}

/** One blob as it stands in a pack. */
export function encodePacked(sha256: string, bytes: Uint8Array): Uint8Array {
  return concat(packedHeader(sha256, bytes.length), bytes)
}

/** The blobs of a pack, unhashed: the caller MUST compare each digest. @throws EVIDENCE_MALFORMED when the framing is torn */
export function* decodePack(
  pack: Uint8Array,
): Generator<{ sha256: string; bytes: Uint8Array; offset: number; end: number }> {
  let offset = 0
  while (offset < pack.length) {
    if (offset + HEADER > pack.length)
      throw new WarrantError('EVIDENCE_MALFORMED', `blob pack: torn header at byte ${offset}`)
    const length = new DataView(pack.buffer, pack.byteOffset + offset + 32, 8).getBigUint64(0)
    const end = offset + HEADER + Number(length)
    if (length > BigInt(pack.length) || end > pack.length) {
      throw new WarrantError('EVIDENCE_MALFORMED', `blob pack: the blob at byte ${offset} runs past the end`)
    }
    yield { sha256: toHex(pack.subarray(offset, offset + 32)), bytes: pack.subarray(offset + HEADER, end), offset, end }
    offset = end
  }
}

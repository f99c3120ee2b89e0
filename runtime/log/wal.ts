import {
  close,
  closeSync,
  existsSync,
  fdatasync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  write,
} from 'node:fs'
import { join } from 'node:path'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { concat, equalBytes } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { makeDirectory, syncDirectory } from './disk.ts'

const MAGIC = Uint8Array.of(0x57, 0x41, 0x4c, 0x31)
const HEADER = 4 + 4 + 4 + 8

/**
 * The write-ahead log: batches of entries, each batch one write and one fdatasync. A batch is
 * magic (4) ‖ entry count (4) ‖ payload bytes (4) ‖ SHA-256 of the payload, first 8 ‖ payload;
 * the payload is each entry after its 32-bit length. Segments are named by the index of their first entry.
 */
export type Wal = {
  /** Resolves once the batch is durable. The caller MUST NOT write again before that, nor after a rejection. */
  write(entries: readonly Uint8Array[]): Promise<void>
  /** Bytes in the current segment. */
  readonly bytes: number
  /** Starts a segment at entry `start` and removes the older ones, whose entries the caller has published durably. */
  rotate(start: number): void
  close(): void
}

/** Opens the log in `dir` and returns what it holds: entries from index `start` on. A torn last batch is cut off. @throws EVIDENCE_MALFORMED when anything before the end is damaged */
export function openWal(dir: string, emptyStart: number): { wal: Wal; start: number; entries: Uint8Array[] } {
  makeDirectory(dir)
  const segments = readdirSync(dir)
    .filter(name => /^wal-\d+$/.test(name))
    .map(name => Number(name.slice(4)))
    .sort((a, b) => a - b)
  const entries: Uint8Array[] = []
  const start = segments[0] ?? emptyStart
  for (const [i, segment] of segments.entries()) {
    if (segment !== start + entries.length)
      throw damaged(dir, segment, 0, `starts at ${segment}, expected ${start + entries.length}`)
    const path = join(dir, `wal-${segment}`)
    const bytes = readFileSync(path)
    const valid = readBatches(bytes, entries)
    if (valid === bytes.length) continue
    // A write that was never acknowledged may be torn, but only at the very end of the last segment.
    if (i !== segments.length - 1 || holdsLaterBatch(bytes, valid))
      throw damaged(dir, segment, valid, 'a batch is damaged and later ones exist')
    const fd = openSync(path, 'r+')
    ftruncateSync(fd, valid)
    fsyncSync(fd)
    closeSync(fd)
  }
  let { fd, bytes } = openSegment(dir, segments.at(-1) ?? emptyStart)
  const wal: Wal = {
    get bytes() {
      return bytes
    },
    write(batch) {
      const frame = encodeBatch(batch)
      return new Promise((resolve, reject) => {
        const writeFrom = (offset: number): void =>
          write(fd, frame, offset, frame.length - offset, null, (error, written) => {
            if (error) return reject(error)
            if (offset + written < frame.length) return writeFrom(offset + written)
            fdatasync(fd, failed => {
              if (failed) return reject(failed)
              bytes += frame.length
              resolve()
            })
          })
        writeFrom(0)
      })
    },
    rotate(next) {
      const old = fd
      ;({ fd, bytes } = openSegment(dir, next))
      close(old, () => {})
      for (const name of readdirSync(dir)) {
        if (/^wal-\d+$/.test(name) && Number(name.slice(4)) < next) unlinkSync(join(dir, name))
      }
      syncDirectory(dir)
    },
    close: () => closeSync(fd),
  }
  return { wal, start, entries }
}

function openSegment(dir: string, start: number): { fd: number; bytes: number } {
  const path = join(dir, `wal-${start}`)
  const existed = existsSync(path)
  const fd = openSync(path, 'a')
  if (!existed) syncDirectory(dir)
  return { fd, bytes: existed ? readFileSync(path).length : 0 }
}

function encodeBatch(entries: readonly Uint8Array[]): Uint8Array {
  const size = entries.reduce((sum, entry) => sum + 4 + entry.length, 0)
  const frame = new Uint8Array(HEADER + size)
  const view = new DataView(frame.buffer)
  frame.set(MAGIC)
  view.setUint32(4, entries.length)
  view.setUint32(8, size)
  let offset = HEADER
  for (const entry of entries) {
    view.setUint32(offset, entry.length)
    frame.set(entry, offset + 4)
    offset += 4 + entry.length
  }
  frame.set(nodeCrypto.sha256(frame.subarray(HEADER)).subarray(0, 8), 12)
  return frame
}

/** Appends the entries of all whole batches to `into`; returns the offset of the first byte that is in none. */
function readBatches(bytes: Uint8Array, into: Uint8Array[]): number {
  let offset = 0
  while (offset < bytes.length) {
    const end = batchEnd(bytes, offset)
    if (end === null) return offset
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    for (let at = offset + HEADER; at < end; ) {
      const length = view.getUint32(at)
      into.push(concat(bytes.subarray(at + 4, at + 4 + length)))
      at += 4 + length
    }
    offset = end
  }
  return offset
}

function batchEnd(bytes: Uint8Array, offset: number): number | null {
  if (offset + HEADER > bytes.length || !equalBytes(bytes.subarray(offset, offset + 4), MAGIC)) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, HEADER)
  const end = offset + HEADER + view.getUint32(8)
  if (end > bytes.length) return null
  const sum = nodeCrypto.sha256(bytes.subarray(offset + HEADER, end)).subarray(0, 8)
  return equalBytes(sum, bytes.subarray(offset + 12, offset + HEADER)) ? end : null
}

function holdsLaterBatch(bytes: Uint8Array, from: number): boolean {
  for (let offset = from + 1; offset + HEADER <= bytes.length; offset++) {
    if (bytes[offset] === MAGIC[0] && batchEnd(bytes, offset) !== null) return true
  }
  return false
}

function damaged(dir: string, segment: number, offset: number, reason: string): WarrantError {
  return new WarrantError('EVIDENCE_MALFORMED', `${join(dir, `wal-${segment}`)}: byte ${offset}: ${reason}`, {
    details:
      'The write-ahead log is damaged: restore it from a copy, or verify what is published with `warrant log verify`.',
  })
}

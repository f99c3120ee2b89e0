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
  statSync,
  unlink,
  write,
} from 'node:fs'
import { join } from 'node:path'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { concat, equalBytes, fromUtf8, utf8 } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { hashLeaves } from '#verifier/log/merkle.ts'
import { decodeBundle } from '#verifier/log/tiles.ts'
import { makeDirectory, syncDirectory } from './disk.ts'

const MAGIC = Uint8Array.of(0x57, 0x41, 0x4c, 0x32)
const HEADER = 4 + 4 + 4 + 4 + 8

/** An entry; its leaf hash, once something asked for it. */
export type WalItem = { readonly entry: Uint8Array; leaf: Uint8Array | null }
/** The index of an entry, and the idempotency key that its producer gave it. */
export type WalKey = readonly [index: number, key: string]

/**
 * The write-ahead log: batches of entries, each batch one write and one fdatasync. A batch is
 * magic (4) ‖ entry count (4) ‖ bundle bytes (4) ‖ key bytes (4) ‖ SHA-256(leaf hashes ‖ keys), first 8 ‖ bundle ‖ keys;
 * the bundle is a tile's (each entry after its 16-bit length), the keys are a JSON array of WalKey.
 * Segments are named by the index of their first entry.
 */
export type Wal = {
  /** Resolves once the batch is durable, with its leaf hashes in a row. The caller MUST NOT write again before that, nor after a rejection. */
  write(items: readonly WalItem[], keys: readonly WalKey[]): Promise<Uint8Array>
  /** Bytes in the current segment. */
  readonly bytes: number
  /** Starts a segment at entry `start`, up to which everything is written; `keys` are durable in it before it is the newest. */
  rotate(start: number, keys: readonly WalKey[]): Promise<void>
  /** Removes, in the background, the segments whose entries all stand before `published`: they are in tiles, durably. */
  drop(published: number): void
  close(): void
}

export type WalContents = {
  /** Index of the first entry. */
  start: number
  items: WalItem[]
  keys: WalKey[]
  /** First entries of the segments, ascending. */
  segments: number[]
  /** Bytes of a write that was never acknowledged, at the end of the last segment. */
  torn: number
}

/** Reads the write-ahead log in `dir`, changing nothing. `published`: how many entries are in tiles. @throws EVIDENCE_MALFORMED when anything before the end is damaged */
export function readWal(dir: string, published: number): WalContents {
  // A crash can leave an empty segment before the newest: it holds nothing.
  const segments = segmentsIn(dir).filter(
    (first, i, all) => i === all.length - 1 || statSync(join(dir, `wal-${first}`)).size > 0,
  )
  let items: WalItem[] = []
  const keys: WalKey[] = []
  let start = segments[0] ?? published
  let torn = 0
  for (const [i, segment] of segments.entries()) {
    if (segment !== start + items.length) {
      // The removal of a segment failed, a later one's did not: what stands before the gap is published.
      if (segment > published || start + items.length > segment)
        throw damaged(dir, segment, 0, `starts at ${segment}, expected ${start + items.length}`)
      start = segment
      items = []
    }
    const bytes = readFileSync(join(dir, `wal-${segment}`))
    const valid = readBatches(bytes, items, keys)
    torn = bytes.length - valid
    // A write that was never acknowledged may be torn, but only at the very end of the last segment.
    if (torn > 0 && (i !== segments.length - 1 || holdsLaterBatch(bytes, valid)))
      throw damaged(dir, segment, valid, 'a batch is damaged and later ones exist')
  }
  return { start, items, keys, segments, torn }
}

/** Opens the write-ahead log in `dir` for writing, and returns what it holds. A torn last batch is cut off. @throws EVIDENCE_MALFORMED */
export function openWal(dir: string, published: number): { wal: Wal } & WalContents {
  makeDirectory(dir)
  const contents = readWal(dir, published)
  const { segments, torn } = contents
  if (torn > 0) {
    const path = join(dir, `wal-${segments.at(-1)}`)
    const fd = openSync(path, 'r+')
    ftruncateSync(fd, statSync(path).size - torn)
    fsyncSync(fd)
    closeSync(fd)
  }
  const starts = segments.length > 0 ? [...segments] : [published]
  let { fd, bytes } = openSegment(dir, starts.at(-1) as number)
  const wal: Wal = {
    get bytes() {
      return bytes
    },
    async write(batch, named) {
      const { frame, leaves } = encodeBatch(batch, named)
      await writeAndSync(fd, frame)
      bytes += frame.length
      return leaves
    },
    async rotate(next, named) {
      const { frame } = encodeBatch([], named)
      const opened = openSegment(dir, next)
      if (named.length > 0) await writeAndSync(opened.fd, frame)
      close(fd, () => {})
      fd = opened.fd
      bytes = 0
      starts.push(next)
    },
    drop(published) {
      // The newest segment stays, and the one before it until everything in it is published.
      while (starts.length > 1 && (starts[1] as number) <= published) {
        // Off the writing path: a segment that stays behind is only read again, and removed next time.
        unlink(join(dir, `wal-${starts.shift()}`), () => {})
      }
    },
    close: () => closeSync(fd),
  }
  return { wal, ...contents }
}

/** First entries of the segments in `dir`, ascending. */
function segmentsIn(dir: string): number[] {
  return readdirSync(dir)
    .filter(name => /^wal-\d+$/.test(name))
    .map(name => Number(name.slice(4)))
    .sort((a, b) => a - b)
}

function writeAndSync(fd: number, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const writeFrom = (offset: number): void =>
      write(fd, bytes, offset, bytes.length - offset, null, (error, written) => {
        if (error) return reject(error)
        if (offset + written < bytes.length) return writeFrom(offset + written)
        fdatasync(fd, failed => (failed ? reject(failed) : resolve()))
      })
    writeFrom(0)
  })
}

function openSegment(dir: string, start: number): { fd: number; bytes: number } {
  const path = join(dir, `wal-${start}`)
  const existed = existsSync(path)
  const fd = openSync(path, 'a')
  if (!existed) syncDirectory(dir)
  return { fd, bytes: existed ? statSync(path).size : 0 }
}

function encodeBatch(items: readonly WalItem[], named: readonly WalKey[]): { frame: Uint8Array; leaves: Uint8Array } {
  const keys = named.length === 0 ? NONE : utf8(JSON.stringify(named))
  let size = 0
  for (const { entry } of items) size += 2 + entry.length
  const frame = new Uint8Array(HEADER + size + keys.length)
  const view = new DataView(frame.buffer)
  frame.set(MAGIC)
  view.setUint32(4, items.length)
  view.setUint32(8, size)
  view.setUint32(12, keys.length)
  let offset = HEADER
  for (const { entry } of items) {
    view.setUint16(offset, entry.length)
    frame.set(entry, offset + 2)
    offset += 2 + entry.length
  }
  frame.set(keys, offset)
  const entries = items.map(item => item.entry)
  const known = items.flatMap(({ leaf }) => (leaf === null ? [] : [leaf]))
  // Many at once are hashed faster than one by one, so those that nobody asked for are left to this.
  const leaves =
    known.length === items.length
      ? concat(...known)
      : hashLeaves(nodeCrypto, frame.subarray(HEADER, HEADER + size), entries)
  frame.set(checksum(leaves, keys), 16)
  return { frame, leaves }
}

/** Over the leaf hashes instead of the entries: those are hashed already. */
const checksum = (leaves: Uint8Array, keys: Uint8Array) => nodeCrypto.sha256(concat(leaves, keys)).subarray(0, 8)
const NONE = new Uint8Array(0)

/** Appends what all whole batches hold to `into`; returns the offset of the first byte that is in none. */
function readBatches(bytes: Uint8Array, into: WalItem[], keys: WalKey[]): number {
  let offset = 0
  while (offset < bytes.length) {
    const batch = batchAt(bytes, offset)
    if (batch === null) return offset
    for (const item of batch.items) into.push(item)
    for (const key of batch.keys) keys.push(key)
    offset = batch.end
  }
  return offset
}

function batchAt(bytes: Uint8Array, offset: number): { items: WalItem[]; keys: WalKey[]; end: number } | null {
  if (offset + HEADER > bytes.length || !equalBytes(bytes.subarray(offset, offset + 4), MAGIC)) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, HEADER)
  const bundleEnd = offset + HEADER + view.getUint32(8)
  const end = bundleEnd + view.getUint32(12)
  if (end > bytes.length) return null
  const bundle = bytes.slice(offset + HEADER, bundleEnd)
  const keys = bytes.subarray(bundleEnd, end)
  let entries: Uint8Array[]
  try {
    entries = decodeBundle(bundle, view.getUint32(4))
  } catch {
    return null
  }
  const leaves = hashLeaves(nodeCrypto, bundle, entries)
  if (!equalBytes(checksum(leaves, keys), bytes.subarray(offset + 16, offset + HEADER))) return null
  const items = entries.map((entry, i) => ({ entry, leaf: leaves.slice(32 * i, 32 * i + 32) }))
  return { items, keys: keys.length === 0 ? [] : (JSON.parse(fromUtf8(keys)) as WalKey[]), end }
}

function holdsLaterBatch(bytes: Uint8Array, from: number): boolean {
  for (let offset = from + 1; offset + HEADER <= bytes.length; offset++) {
    if (bytes[offset] === MAGIC[0] && batchAt(bytes, offset) !== null) return true
  }
  return false
}

function damaged(dir: string, segment: number, offset: number, reason: string): WarrantError {
  return new WarrantError('EVIDENCE_MALFORMED', `${join(dir, `wal-${segment}`)}: byte ${offset}: ${reason}`, {
    details:
      'The write-ahead log is damaged: restore it from a copy, or verify what is published with `warrant log verify`.',
  })
}

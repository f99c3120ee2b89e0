import {
  closeSync,
  existsSync,
  fdatasync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writev,
} from 'node:fs'
import { join } from 'node:path'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { toHex } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { BlobRef } from '#verifier/evidence/primitives.ts'
import { decodePack, packedHeader } from '#verifier/log/blobPack.ts'
import { makeDirectory, syncDirectory } from './disk.ts'

const PACK_BYTES = 64 * 1024 * 1024

/** Payloads in packs; the index is rebuilt from the packs at opening. */
export type BlobStore = {
  /** Takes a payload into the next flush; the same bytes are stored once. */
  put(bytes: Uint8Array): BlobRef
  /** Makes every payload taken so far durable. The caller MUST NOT flush again before that. */
  flush(): Promise<void>
  get(ref: BlobRef): Uint8Array
  close(): void
}

type Place = { pack: string; offset: number; size: number } | { bytes: Uint8Array }

/** Opens the packs in `dir`. A torn end of the last pack is cut off: nothing that was acknowledged names it. */
export function openBlobStore(dir: string): BlobStore {
  const index = new Map<string, Place>()
  let pending: { sha256: string; bytes: Uint8Array }[] = []
  let fd: number | null = null
  let number = -1
  let size = 0
  const packs = existsSync(dir)
    ? readdirSync(dir)
        .filter(name => /^pack-\d{6}$/.test(name))
        .sort()
    : []
  for (const [i, name] of packs.entries()) {
    const path = join(dir, name)
    const bytes = readFileSync(path)
    let end = 0
    try {
      for (const blob of decodePack(bytes)) {
        index.set(blob.sha256, { pack: path, offset: blob.offset + 40, size: blob.bytes.length })
        end = blob.end
      }
    } catch (error) {
      if (i !== packs.length - 1) throw error
      const torn = openSync(path, 'r+')
      ftruncateSync(torn, end)
      fsyncSync(torn)
      closeSync(torn)
    }
    number = Number(name.slice(5))
    size = end
  }

  function openPack(): number {
    makeDirectory(dir)
    if (number < 0 || size > PACK_BYTES) {
      if (fd !== null) closeSync(fd)
      fd = null
      number++
      size = 0
    }
    if (fd === null) {
      fd = openSync(packPath(), 'a')
      syncDirectory(dir)
    }
    return fd
  }
  const packPath = () => join(dir, `pack-${String(number).padStart(6, '0')}`)

  return {
    put(bytes) {
      const sha256 = toHex(nodeCrypto.sha256(bytes))
      if (!index.has(sha256)) {
        index.set(sha256, { bytes })
        pending.push({ sha256, bytes })
      }
      return { sha256, size: bytes.length }
    },
    async flush() {
      if (pending.length === 0) return
      const batch = pending
      pending = []
      const target = openPack()
      await writeAndSync(
        target,
        batch.flatMap(({ sha256, bytes }) => [packedHeader(sha256, bytes.length), bytes]),
      )
      for (const blob of batch) {
        index.set(blob.sha256, { pack: packPath(), offset: size + 40, size: blob.bytes.length })
        size += 40 + blob.bytes.length
      }
    },
    get(ref) {
      const place = index.get(ref.sha256)
      if (place === undefined)
        throw new WarrantError('EVIDENCE_MISSING', `blob ${ref.sha256} is not in the log's packs`)
      if ('bytes' in place) return place.bytes
      const bytes = new Uint8Array(place.size)
      const reader = openSync(place.pack, 'r')
      try {
        readSync(reader, bytes, 0, place.size, place.offset)
      } finally {
        closeSync(reader)
      }
      return bytes
    },
    close() {
      if (fd !== null) closeSync(fd)
      fd = null
    },
  }
}

/** Writes the parts as they lie, without copying them together, and syncs. */
function writeAndSync(fd: number, parts: readonly Uint8Array[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const writeFrom = (left: readonly Uint8Array[]): void => {
      if (left.length === 0) return fdatasync(fd, failed => (failed ? reject(failed) : resolve()))
      writev(fd, left, null, (error, written) => (error ? reject(error) : writeFrom(behind(left, written))))
    }
    writeFrom(parts)
  })
}

/** What is left of parts once so many of their bytes are written. */
function behind(parts: readonly Uint8Array[], written: number): readonly Uint8Array[] {
  let rest = written
  for (const [i, part] of parts.entries()) {
    if (rest < part.length) return [part.subarray(rest), ...parts.slice(i + 1)]
    rest -= part.length
  }
  return []
}

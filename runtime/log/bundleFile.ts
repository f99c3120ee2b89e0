import { closeSync, existsSync, fstatSync, fsyncSync, openSync, readSync, renameSync, unlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { fromUtf8, utf8 } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { LogFiles } from '#verifier/log/verifyTree.ts'
import { syncDirectory, writeAll } from './disk.ts'

// A bundle is a POSIX ustar archive of (a part of) a log's directory, with every header field fixed: the same log gives
// the same bytes, and any tar opens it.
const BLOCK = 512
const NAME = /^(?:bundle\.json|checkpoint|vkey|retired|tile\/[0-9a-z/.]{1,80}|blobs\/pack-[0-9]{6})$/

export type BundleMember = { path: string; bytes: Uint8Array }

/** Writes members, in the order given, one at a time. The file is there in full or not at all. @throws BAD_INPUT when it exists */
export async function writeBundle(out: string, members: AsyncIterable<BundleMember>): Promise<number> {
  if (existsSync(out)) throw new WarrantError('BAD_INPUT', `${out} exists: give another name`)
  const temporary = `${out}.tmp`
  const fd = openSync(temporary, 'w')
  let size = 0
  const put = (bytes: Uint8Array) => {
    writeAll(fd, bytes)
    size += bytes.length
  }
  try {
    for await (const { path, bytes } of members) {
      put(headerOf(path, bytes.length))
      put(bytes)
      put(new Uint8Array(-bytes.length & (BLOCK - 1)))
    }
    put(new Uint8Array(2 * BLOCK))
    fsyncSync(fd)
  } catch (error) {
    unlinkSync(temporary)
    throw error
  } finally {
    closeSync(fd)
  }
  renameSync(temporary, out)
  syncDirectory(dirname(out) || '.')
  return size
}

/** Reads a bundle's members where they lie. Anything but what `writeBundle` writes is refused. @throws FILE_MISSING, EVIDENCE_MALFORMED */
export function openBundle(path: string): LogFiles & { close(): void } {
  const fd = openSync(path, 'r')
  const places = new Map<string, { offset: number; size: number }>()
  const total = fstatSync(fd).size
  const malformed = (reason: string) => new WarrantError('EVIDENCE_MALFORMED', `${path}: ${reason}`)
  const bytesAt = (offset: number, size: number) => {
    const bytes = new Uint8Array(size)
    if (readSync(fd, bytes, 0, size, offset) !== size) throw malformed(`ends inside byte ${offset} to ${offset + size}`)
    return bytes
  }
  try {
    let offset = 0
    for (;;) {
      if (offset + BLOCK > total) throw malformed('ends without the end of an archive')
      const header = bytesAt(offset, BLOCK)
      if (header.every(byte => byte === 0)) break
      const name = fromUtf8(header.subarray(0, header.indexOf(0)))
      const size = Number.parseInt(fromUtf8(header.subarray(124, 135)), 8)
      if (!NAME.test(name) || name.includes('..'))
        throw malformed(`holds a member ${JSON.stringify(name)}, which no log has`)
      if (!Number.isSafeInteger(size) || !equal(header, headerOf(name, size)))
        throw malformed(`the header of ${name} at byte ${offset} is not the one of a bundle`)
      if (places.has(name)) throw malformed(`holds ${name} twice`)
      places.set(name, { offset: offset + BLOCK, size })
      const end = offset + BLOCK + size
      offset = end + (-size & (BLOCK - 1))
      if (offset > total) throw malformed(`ends inside ${name}`)
      if (bytesAt(end, offset - end).some(byte => byte !== 0)) throw malformed(`padding behind ${name} is not empty`)
    }
    if (total !== offset + 2 * BLOCK || bytesAt(offset, 2 * BLOCK).some(byte => byte !== 0))
      throw malformed('there is something behind the end of the archive')
  } catch (error) {
    closeSync(fd)
    throw error
  }
  return {
    async read(name) {
      const place = places.get(name)
      return place === undefined ? null : bytesAt(place.offset, place.size)
    },
    list: async () => [...places.keys()],
    close: () => closeSync(fd),
  }
}

const equal = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

/** POSIX.1-1988 ustar header with mode 0644, owner 0 and time 0. */
function headerOf(path: string, size: number): Uint8Array {
  const header = new Uint8Array(BLOCK)
  const put = (at: number, text: string) => header.set(utf8(text), at)
  put(0, path)
  put(100, '0000644\0')
  put(108, '0000000\0')
  put(116, '0000000\0')
  put(124, `${size.toString(8).padStart(11, '0')}\0`)
  put(136, '00000000000\0')
  put(148, ' '.repeat(8))
  put(156, '0')
  put(257, 'ustar\0')
  put(263, '00')
  put(329, '0000000\0')
  put(337, '0000000\0')
  const sum = header.reduce((total, byte) => total + byte, 0)
  put(148, `${sum.toString(8).padStart(6, '0')}\0 `)
  return header
}

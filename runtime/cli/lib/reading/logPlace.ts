import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { z } from 'zod'
import { openBundle } from '#runtime/log/bundleFile.ts'
import { openRemoteFiles } from '#runtime/log/remoteFiles.ts'
import { openSettledFiles } from '#runtime/log/settledFiles.ts'
import { parseWarrant } from '#verifier/audit/verifyWarrant.ts'
import { fromUtf8 } from '#verifier/evidence/bytes.ts'
import { parseCanonical } from '#verifier/evidence/canonical.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { count } from '#verifier/evidence/primitives.ts'
import type { LogFiles } from '#verifier/log/verifyTree.ts'

/** What a `.warrant` file may have at most: payloads of models are in it. */
const MOST_BYTES = 256 * 1024 * 1024

/** Entries [from, to) of a log. */
export type Range = { from: number; to: number }

/**
 * Where a log is read, of whatever kind. `range`: of a bundle that holds a part of its log. `isOpen`: whether a writer has
 * the directory, or ended without closing it; known once its files were listed.
 */
export type LogPlace = { readonly where: string; close(): void } & (
  | {
      readonly kind: 'directory' | 'bundle' | 'url'
      readonly files: LogFiles
      readonly range: Range | null
      isOpen(): boolean
    }
  | { readonly kind: 'warrant'; readonly bytes: Uint8Array }
)

/**
 * The one resolver: a log's directory (also while it is written), a bundle of it, a `.warrant` file, or the URL that
 * serves its tiles.
 *
 * @throws FILE_MISSING, BAD_INPUT, EVIDENCE_MALFORMED
 * @example await openLogPlace('runs/demo/log')
 */
export async function openLogPlace(where: string): Promise<LogPlace> {
  const stays = { where, close: () => {} }
  if (/^https?:\/\//i.test(where))
    return { ...stays, kind: 'url', files: openRemoteFiles(where), range: null, isOpen: () => false }
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(where))
    throw new WarrantError('BAD_INPUT', `${where}: a log is read over http:// or https:// only`)
  if (!existsSync(where))
    throw new WarrantError('FILE_MISSING', `${where}: no such log directory, and no such bundle or .warrant file`)
  if (statSync(where).isDirectory()) {
    const files = openSettledFiles(where)
    return { ...stays, kind: 'directory', files, range: null, isOpen: files.isOpen }
  }
  if (isWarrant(where)) return { ...stays, kind: 'warrant', bytes: readFileSync(where) }
  const bundle = openBundle(where)
  try {
    const range = await rangeOf(bundle)
    return { where, kind: 'bundle', files: withoutManifest(bundle), range, isOpen: () => false, close: bundle.close }
  } catch (error) {
    bundle.close()
    throw error
  }
}

/** Opens a place for as long as `use` needs it. */
export async function withLogPlace<T>(where: string, use: (place: LogPlace) => Promise<T>): Promise<T> {
  const place = await openLogPlace(where)
  try {
    return await use(place)
  } finally {
    place.close()
  }
}

/** The checkpoint's note as it lies there; null where there is none. @throws EVIDENCE_MALFORMED */
export async function noteOf(place: LogPlace): Promise<string | null> {
  if (place.kind === 'warrant') return parseWarrant(place.bytes).note
  const bytes = await place.files.read('checkpoint')
  return bytes === null ? null : fromUtf8(bytes)
}

/** The key that lies beside a log, as text: what it says of itself; null where there is none. @throws EVIDENCE_MALFORMED */
export async function keyBeside(place: LogPlace): Promise<string | null> {
  if (place.kind === 'warrant') return parseWarrant(place.bytes).vkey
  const bytes = await place.files.read('vkey')
  return bytes === null ? null : fromUtf8(bytes).replace(/\n$/, '')
}

/** A `.warrant` file is JSON, a bundle an archive whose first member has a name. */
function isWarrant(file: string): boolean {
  const { size } = statSync(file)
  if (size > MOST_BYTES && file.endsWith('.warrant'))
    throw new WarrantError('BAD_INPUT', `${file}: has ${size} bytes, a .warrant file has ${MOST_BYTES} at most`)
  return file.endsWith('.warrant') || (size <= MOST_BYTES && firstByte(file) === 0x7b)
}

function firstByte(file: string): number | undefined {
  const fd = openSync(file, 'r')
  try {
    const bytes = new Uint8Array(1)
    return readSync(fd, bytes, 0, 1, 0) === 1 ? bytes[0] : undefined
  } finally {
    closeSync(fd)
  }
}

/** The range in a bundle's manifest; null for a whole log. @throws EVIDENCE_MALFORMED */
async function rangeOf(files: LogFiles): Promise<Range | null> {
  const bytes = await files.read('bundle.json')
  if (bytes === null) return null
  const parsed = z
    .strictObject({ v: z.literal(1), from: count, to: count, size: count })
    .safeParse(parseCanonical(bytes))
  if (!parsed.success) throw new WarrantError('EVIDENCE_MALFORMED', 'bundle.json is not the manifest of a bundle')
  const { from, to, size } = parsed.data
  return from === 0 && to === size ? null : { from, to }
}

/** A bundle's files without its own manifest: a log's. */
function withoutManifest(files: LogFiles): LogFiles {
  return {
    read: path => files.read(path),
    list: async () => (await files.list()).filter(name => name !== 'bundle.json'),
  }
}

import { equalBytes, fromUtf8, toHex, utf8 } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { reasonOf } from '#verifier/evidence/error.ts'
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { emptyRoot } from './merkle.ts'
import { openRetired } from './retired.ts'
import { formatVkey, type NoteKey } from './signedNote.ts'
import { TILE_WIDTH, tilePath, tilesOf } from './tiles.ts'
import { verifyBlobs } from './verifyBlobs.ts'
import { type OnEntry, type Partials, UNIT, type UnitReport, verifyUnit, verifyUpperTiles } from './verifyUnit.ts'

/** Read access to a log's directory, wherever it lies. Paths are relative, with `/`. */
export type LogFiles = { read(path: string): Promise<Uint8Array | null>; list(): Promise<string[]> }

/** Something wrong: where, and why. `rule`: the number of the rule of records that it breaks (evidence.md §12). */
export type Finding = { where: string; reason: string; rule?: string }

export type TreeReport = {
  checkpoint: Checkpoint | null
  /** Sizes of the payloads that are there, by digest. */
  blobs: Map<string, number>
  /** Digests of payloads that the log says it no longer keeps. */
  retired: ReadonlySet<string>
  findings: Finding[]
}

const MAX_FINDINGS = 100

export type VerifyTreeParameters = {
  files: LogFiles
  crypto: CryptoPort
  key: NoteKey
  /** Verifies the units of a tree of `size` elsewhere (on other cores), in any order; then no entry is handed out. */
  units?(partials: Partials, size: number): AsyncIterable<UnitReport & { index: number }>
}

/**
 * Verifies a log's directory byte by byte: the checkpoint's signature, every tile of every level against the entries,
 * every blob against its name, and that nothing else lies there. Each entry is handed to `onEntry` in order, after its
 * bundle was read and before the root is compared.
 */
export async function verifyTree(
  { files, crypto, key, units: elsewhere }: VerifyTreeParameters,
  onEntry?: OnEntry,
): Promise<TreeReport> {
  const units =
    elsewhere ?? ((partials: Partials, size: number) => unitsInOrder({ files, crypto }, partials, size, onEntry))
  const findings: Finding[] = []
  const find = (where: string, reason: string) => {
    if (findings.length < MAX_FINDINGS) findings.push({ where, reason })
  }
  const rest = new Set(await files.list())
  const blobs = await verifyBlobs(files, crypto, rest, find)

  const retired = await readRetired(files, crypto, key, find)
  rest.delete('retired')
  const note = await files.read('checkpoint')
  rest.delete('checkpoint')
  if (note === null) {
    find('checkpoint', 'missing: this is not the directory of a published log')
    return { checkpoint: null, blobs, retired, findings }
  }
  let checkpoint: Checkpoint
  try {
    checkpoint = openCheckpoint(crypto, fromUtf8(note), key)
  } catch (error) {
    find('checkpoint', reasonOf(error))
    return { checkpoint: null, blobs, retired, findings }
  }
  const vkey = await files.read('vkey')
  rest.delete('vkey')
  if (vkey !== null && !equalBytes(vkey, new TextEncoder().encode(`${formatVkey(key)}\n`)))
    find('vkey', 'is not the key that the log is verified with')

  // What a checkpoint claims bounds no loop: what lies here does.
  if (checkpoint.size > TILE_WIDTH * (rest.size + 1)) {
    find('checkpoint', `signs ${checkpoint.size} entries, which the ${rest.size} files here cannot hold`)
    return { checkpoint, blobs, retired, findings }
  }
  await verifyTiles({ files, crypto, units, rest, find }, checkpoint)
  // What a closed log remembers for producers that send a step again is no evidence, but it must be whole.
  const keys = rest.delete('state/keys') ? await files.read('state/keys') : null
  if (keys !== null && !holdsItsDigest(crypto, keys)) find('state/keys', 'does not have its digest')
  for (const path of rest) {
    if (path.startsWith('state/')) continue
    find(path, 'is no part of this log')
  }
  if ([...rest].some(path => path.startsWith('state/'))) {
    find(
      'state/',
      'the log is open, or its writer ended without closing it: entries that are not published cannot be verified here',
    )
  }
  return { checkpoint, blobs, retired, findings }
}

/** Every tile of every level, from the entries up. */
async function verifyTiles(
  { files, crypto, units, rest, find }: Required<Pick<VerifyTreeParameters, 'files' | 'crypto' | 'units'>> & Listing,
  { size, root }: Checkpoint,
): Promise<void> {
  const partials = partialsIn(rest)
  for (const { level, index, path } of tilesOf(size)) {
    rest.delete(path)
    for (const width of partials.get(tilePath(level, index)) ?? []) rest.delete(tilePath(level, index, width))
  }
  const full = Math.floor(size / UNIT)
  const unitRoots = new Uint8Array(32 * full)
  let tail: Uint8Array | null = null
  for await (const { index, root: unitRoot, findings } of units(partials, size)) {
    for (const { where, reason } of findings) find(where, reason)
    if (unitRoot === null) return
    if (index < full) unitRoots.set(unitRoot, 32 * index)
    else tail = unitRoot
  }
  const computed = (await verifyUpperTiles({ files, crypto, partials, find }, unitRoots, tail)) ?? emptyRoot(crypto)
  if (!equalBytes(computed, root)) {
    find('checkpoint', `its root is ${toHex(root)}, the entries have ${toHex(computed)}`)
  }
}

type Listing = { rest: Set<string>; find: (where: string, reason: string) => void }

/** One unit after the other, on the caller's thread. */
async function* unitsInOrder(
  { files, crypto }: { files: LogFiles; crypto: CryptoPort },
  partials: Partials,
  size: number,
  onEntry?: OnEntry,
): AsyncGenerator<UnitReport & { index: number }> {
  for (let index = 0; index * UNIT < size; index++) {
    const count = Math.min(UNIT, size - index * UNIT)
    yield { index, ...(await verifyUnit({ files, crypto, partials }, { index, count }, onEntry)) }
  }
}

function partialsIn(paths: Iterable<string>): Map<string, number[]> {
  const partials = new Map<string, number[]>()
  for (const path of paths) {
    const match = /^(tile\/.+)\.p\/([1-9][0-9]{0,2})$/.exec(path)
    const [tile, width] = [match?.[1], Number(match?.[2])]
    if (tile === undefined || width >= TILE_WIDTH) continue
    partials.set(tile, [...(partials.get(tile) ?? []), width])
  }
  return partials
}

async function readRetired(
  files: LogFiles,
  crypto: CryptoPort,
  key: NoteKey,
  find: Listing['find'],
): Promise<ReadonlySet<string>> {
  const note = await files.read('retired')
  if (note === null) return new Set()
  try {
    return openRetired(crypto, fromUtf8(note), key)
  } catch (error) {
    find('retired', reasonOf(error))
    return new Set()
  }
}

/** Whether a file begins with the SHA-256 of what follows its first line. */
export function holdsItsDigest(crypto: CryptoPort, bytes: Uint8Array): boolean {
  return bytes[64] === 0x0a && equalBytes(bytes.subarray(0, 64), utf8(toHex(crypto.sha256(bytes.subarray(65)))))
}

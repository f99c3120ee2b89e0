import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { createMerkleTree } from '#runtime/log/merkleTree.ts'
import { verifyUnits } from '#runtime/log/verifyUnits.ts'
import type { RecordChecker } from '#verifier/audit/recordChecker.ts'
import { type LogReport, verifyLog } from '#verifier/audit/verifyLog.ts'
import { verifyWarrant } from '#verifier/audit/verifyWarrant.ts'
import { fromHex, fromUtf8, toHex } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { type AnyRecord, decodeRecord, type RecordKind, type RecordOf } from '#verifier/evidence/record.ts'
import { type Checkpoint, openCheckpoint } from '#verifier/log/checkpoint.ts'
import { hashLeaf } from '#verifier/log/merkle.ts'
import { verifyRange } from '#verifier/log/verifyRange.ts'
import { verifyTree } from '#verifier/log/verifyTree.ts'
import { type AnchorAnswer, type AnchorOptions, askAnchor, checkAnchorOptions } from './askAnchor.ts'
import { askWitnesses, type WitnessOptions, type WitnessReport } from './askWitnesses.ts'
import { type LogPlace, noteOf, type Range, withLogPlace } from './logPlace.ts'
import { type Pins, readPins } from './pins.ts'
import { keyName, type TrustedKey, type TrustOptions, trustedKey } from './trustedKey.ts'

/** What every command that reads a log can be asked for. */
export type ReadOptions = TrustOptions & WitnessOptions & AnchorOptions & { vkeyFile?: string | undefined }

/** Records that were read before, by leaf hash. */
export type Records = Pick<RecordChecker, 'find' | 'record'> & {
  readonly runs: ReadonlyMap<string, { run: RecordOf<'run'> }>
}

/** Follows along: each record in the order of the log. */
export type OnRecord = (leaf: string, index: number, records: Records) => void | Promise<void>

/** How much is read: every record with its rules, the tree alone, or the signed checkpoint alone. */
export type Depth = 'records' | 'tree' | 'checkpoint'

/** A log as it was read: what its files show, whose it is, and what was asked of it beside. */
export type Reading = {
  where: string
  kind: LogPlace['kind']
  /** Of a bundle that holds a part; null: the whole log, or single decisions. */
  range: Range | null
  /** A writer has it, or ended without closing it: what is published was read. */
  isOpen: boolean
  /** Name and id of the key; null where there is none that can be read. */
  keyName: string | null
  trusted: TrustedKey | null
  checkpoint: Checkpoint | null
  report: LogReport
  witnesses: WitnessReport
  anchor: AnchorAnswer | null
  /** What was required and does not hold, in words. */
  unmet: string[]
  /** The files verify, and all that was required holds. */
  ok: boolean
  /** Leaf hashes of the decisions that a `.warrant` file is about; null for others. */
  decisions: string[] | null
}

const NOTHING: LogReport = {
  ok: false,
  origin: null,
  size: 0,
  root: null,
  records: {},
  open: [],
  blobs: { present: 0, missing: [], retired: [] },
  findings: [],
}

/**
 * Reads a log, wherever it lies, with the key that its reader trusts, and asks of it what was required. What is wrong with
 * the log is in the report; what is thrown could not be asked.
 *
 * @throws FILE_MISSING, UNREACHABLE, BAD_INPUT, CHAIN_FAILED
 * @example const { ok, report } = await readLog('runs/demo/log', { vkey })
 */
export async function readLog(
  where: string,
  options: ReadOptions,
  onRecord?: OnRecord,
  depth: Depth = 'records',
): Promise<Reading> {
  checkAnchorOptions(options)
  try {
    return await withLogPlace(where, place => readPlace(place, options, onRecord, depth))
  } catch (error) {
    return broken(where, error)
  }
}

/** Whose log a place holds, and the note that it shows. */
export type Trust = { pins: Pins; trusted: TrustedKey; note: string | null }

/** @throws BAD_INPUT, BAD_CONFIG, FILE_MISSING, EVIDENCE_MALFORMED */
export async function trustIn(place: LogPlace, options: ReadOptions): Promise<Trust> {
  const pins = readPins({ given: options.vkeyFile, log: place.kind === 'directory' ? place.where : null })
  return { pins, trusted: await trustedKey(place, options, pins), note: await noteOf(place) }
}

/** The same of a place that the caller has opened, and closes. @throws EVIDENCE_MALFORMED when what lies there is no log */
export async function readPlace(
  place: LogPlace,
  options: ReadOptions,
  onRecord?: OnRecord,
  depth: Depth = 'records',
): Promise<Reading> {
  checkAnchorOptions(options)
  const { pins, trusted, note } = await trustIn(place, options)
  const { key } = trusted
  const witnesses = askWitnesses(note, options, pins)
  const tree = options.requireAnchor === undefined ? null : createMerkleTree()
  const follow: OnRecord | undefined =
    tree === null
      ? onRecord
      : (leaf, index, records) => {
          tree.append(fromHex(leaf))
          return onRecord?.(leaf, index, records)
        }
  const { report, decisions = null } = await verifyPlace({ place, trusted, depth }, follow)
  const checkpoint = note === null ? null : openNote(note, trusted)
  const isWhole = place.kind !== 'warrant' && place.range === null && depth !== 'checkpoint'
  const anchor =
    checkpoint === null
      ? null
      : await askAnchor(options, {
          key,
          checkpoint,
          rootAt: size => (isWhole && tree !== null && size <= tree.size ? tree.root(size) : null),
        })
  const unmet = [
    ...witnesses.unmet,
    ...(options.requireAnchor === undefined || anchor?.unmet === null
      ? []
      : [`--require-anchor ${options.requireAnchor}: ${anchor?.unmet ?? 'there is no checkpoint to compare'}`]),
  ]
  return {
    where: place.where,
    kind: place.kind,
    range: place.kind === 'warrant' ? null : place.range,
    isOpen: place.kind === 'warrant' ? false : place.isOpen(),
    keyName: keyName(key),
    trusted,
    checkpoint,
    report,
    witnesses,
    anchor,
    unmet,
    ok: report.ok && unmet.length === 0,
    decisions,
  }
}

/** What lies there is no log, bundle or `.warrant`: evidence that fails. Anything else could not be read. */
export function broken(where: string, error: unknown): Reading {
  if (!(error instanceof WarrantError) || error.code !== 'EVIDENCE_MALFORMED') throw error
  return {
    where,
    kind: 'bundle',
    range: null,
    isOpen: false,
    keyName: null,
    trusted: null,
    checkpoint: null,
    report: { ...NOTHING, findings: [{ where, reason: error.shortMessage }] },
    witnesses: { known: 0, cosigned: [], unmet: [] },
    anchor: null,
    unmet: [],
    ok: false,
    decisions: null,
  }
}

type Verifying = { place: LogPlace; trusted: TrustedKey; depth: Depth }

/** Of a tree whose entries are not read. */
const UNREAD: Records = { find: () => null, record: () => null, runs: new Map() }

/** Verifies what a place holds, as deep as asked. */
async function verifyPlace(
  { place, trusted: { key }, depth }: Verifying,
  onRecord?: OnRecord,
): Promise<{ report: LogReport; decisions?: string[] }> {
  const crypto = nodeCrypto
  if (place.kind === 'warrant') {
    const { ok, checkpoint, findings, decisions, records, payloads } = await verifyWarrant(
      { crypto, bytes: place.bytes, key },
      onRecord,
    )
    const blobs = { present: payloads.size, missing: [], retired: [] }
    return { report: { ...NOTHING, ...headOf(checkpoint), ok, records, blobs, findings }, decisions }
  }
  const { files, range } = place
  if (depth === 'checkpoint') return { report: await verifyCheckpoint(place, key) }
  if (range !== null) {
    const known = createKnown()
    const malformed: LogReport['findings'] = []
    const { checkpoint, blobs, findings } = await verifyRange(
      { files, crypto, key, ...range },
      async (entry, index) => {
        try {
          const leaf = known.take(entry)
          await onRecord?.(leaf, index, known)
        } catch (error) {
          malformed.push({ where: `entry ${index}`, reason: (error as Error).message })
        }
      },
    )
    const all = [...findings, ...malformed]
    const present = { present: blobs.size, missing: [], retired: [] }
    const { counts: records } = known
    return {
      report: { ...NOTHING, ...headOf(checkpoint), ok: all.length === 0, records, blobs: present, findings: all },
    }
  }
  if (depth === 'tree') {
    // Threads open the directory themselves; a bundle or a server is read here, and so is what somebody follows.
    const units = place.kind === 'directory' && onRecord === undefined ? { units: verifyUnits(place.where) } : {}
    const { checkpoint, blobs, findings } = await verifyTree(
      { files, crypto, key, ...units },
      async (_entry, index, leaf) => onRecord?.(toHex(leaf), index, UNREAD),
    )
    const present = { present: blobs.size, missing: [], retired: [] }
    return { report: { ...NOTHING, ...headOf(checkpoint), ok: findings.length === 0, blobs: present, findings } }
  }
  return { report: await verifyLog({ files, crypto, key }, onRecord) }
}

async function verifyCheckpoint(
  place: Exclude<LogPlace, { kind: 'warrant' }>,
  key: TrustedKey['key'],
): Promise<LogReport> {
  await place.files.list()
  const bytes = await place.files.read('checkpoint')
  try {
    if (bytes === null)
      throw new WarrantError('EVIDENCE_MISSING', 'missing: this is not the directory of a published log')
    return { ...NOTHING, ...headOf(openCheckpoint(nodeCrypto, fromUtf8(bytes), key)), ok: true }
  } catch (error) {
    return { ...NOTHING, findings: [{ where: 'checkpoint', reason: (error as Error).message }] }
  }
}

function headOf(checkpoint: Checkpoint | null): Pick<LogReport, 'origin' | 'size' | 'root'> {
  return {
    origin: checkpoint?.origin ?? null,
    size: checkpoint?.size ?? 0,
    root: checkpoint === null ? null : toHex(checkpoint.root),
  }
}

function openNote(note: string, { key }: TrustedKey): Checkpoint | null {
  try {
    return openCheckpoint(nodeCrypto, note, key)
  } catch {
    return null
  }
}

/** Records of a part of a log: what they refer to outside of it is not there. */
function createKnown(): Records & { counts: LogReport['records']; take(entry: Uint8Array): string } {
  const records = new Map<string, AnyRecord>()
  const runs = new Map<string, { run: RecordOf<'run'> }>()
  const counts: LogReport['records'] = {}
  return {
    runs,
    counts,
    record: leaf => records.get(leaf) ?? null,
    find<K extends RecordKind>(leaf: string, kind: K) {
      const record = records.get(leaf)
      return record?.kind === kind ? (record as RecordOf<K>) : null
    },
    take(entry) {
      const record = decodeRecord(entry)
      const leaf = toHex(hashLeaf(nodeCrypto, entry))
      records.set(leaf, record)
      counts[record.kind] = (counts[record.kind] ?? 0) + 1
      if (record.kind === 'run') runs.set(record.runId, { run: record })
      return leaf
    },
  }
}

import { z } from 'zod'
import { fromBase64, toHex } from '#verifier/evidence/bytes.ts'
import { parseCanonical } from '#verifier/evidence/canonical.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { count, digest } from '#verifier/evidence/primitives.ts'
import type { RecordKind } from '#verifier/evidence/record.ts'
import { type Checkpoint, openCheckpoint } from '#verifier/log/checkpoint.ts'
import { hashLeaf, verifyInclusion } from '#verifier/log/merkle.ts'
import { formatVkey, type NoteKey, parseVkey } from '#verifier/log/signedNote.ts'
import type { Finding } from '#verifier/log/verifyTree.ts'
import { createRecordChecker, type RecordChecker } from './recordChecker.ts'

const base64 = z.string().max(90_000)

/** Entries that a `.warrant` file holds at most. */
export const MOST_WARRANT_ENTRIES = 65_536

/**
 * A `.warrant` file, canonical JSON: everything that decisions rest on and what came of them, each log entry with its
 * inclusion proof under one signed checkpoint. `vkey` says whose log it claims to be: a reader pins their own.
 */
export const warrantFile = z.strictObject({
  v: z.literal(2),
  kind: z.literal('warrant'),
  vkey: z.string().max(300),
  note: z.string().max(20_000),
  /** Indices of the decisions that it is about. */
  decisions: z.array(count).min(1).max(MOST_WARRANT_ENTRIES),
  entries: z
    .array(z.strictObject({ index: count, entry: base64, path: z.array(base64).max(63) }))
    .min(1)
    .max(MOST_WARRANT_ENTRIES),
  /** Strategies and models that its runs name, so that its decisions can be derived again; may be left out. */
  payloads: z.array(z.strictObject({ sha256: digest, bytes: z.string() })).max(1_024),
})
export type WarrantFile = z.infer<typeof warrantFile>

export type WarrantReport = {
  ok: boolean
  checkpoint: Checkpoint | null
  /** Leaf hashes of the decisions that it is about, in order. */
  decisions: string[]
  entries: number
  /** How many records of each kind it holds. */
  records: Partial<Record<RecordKind, number>>
  /** Payloads that have their digest, by it. */
  payloads: ReadonlyMap<string, Uint8Array>
  findings: Finding[]
}

/** A `.warrant` file's parts. @throws EVIDENCE_MALFORMED */
export function parseWarrant(bytes: Uint8Array): WarrantFile {
  const document = parseCanonical(bytes)
  const parsed = warrantFile.safeParse(document)
  if (parsed.success) return parsed.data
  if ((document as { v?: unknown } | null)?.v === 1)
    throw new WarrantError(
      'EVIDENCE_MALFORMED',
      'warrant: is of version 1, which is not read any more: export it again',
    )
  const issue = parsed.error.issues[0]
  throw new WarrantError('EVIDENCE_MALFORMED', `warrant: ${issue?.path.join('.') || '(root)'}: ${issue?.message}`)
}

/**
 * Verifies a `.warrant` file from its bytes alone: the checkpoint's signature, every inclusion proof, every record,
 * signature and payload in it. `key`: the log's, from somewhere trusted; without it the file's own, which pins nothing.
 * `onRecord` follows along. What it cannot show: that nothing else was logged; for that, verify the log.
 */
export async function verifyWarrant(
  { crypto, bytes, key }: { crypto: CryptoPort; bytes: Uint8Array; key: NoteKey | null },
  onRecord?: (leafHash: string, index: number, records: RecordChecker) => void | Promise<void>,
): Promise<WarrantReport> {
  const report: WarrantReport = {
    ok: false,
    checkpoint: null,
    decisions: [],
    entries: 0,
    records: {},
    payloads: new Map(),
    findings: [],
  }
  const find = (where: string, reason: string) => void report.findings.push({ where, reason })
  const records = createRecordChecker(crypto, { scope: 'excerpt' })
  try {
    const file = parseWarrant(bytes)
    const logKey = key ?? parseVkey(crypto, file.vkey)
    const checkpoint = openCheckpoint(crypto, file.note, logKey)
    report.checkpoint = checkpoint
    report.records = records.counts
    report.payloads = payloadsOf(file, crypto, find)
    const { size, root } = checkpoint
    const wanted = new Set(file.decisions)
    let before = -1
    for (const { index, entry: text, path } of file.entries) {
      if (index <= before) find(`entry ${index}`, 'does not stand in the order of the log')
      before = index
      const entry = fromBase64(text)
      const leaf = hashLeaf(crypto, entry)
      const leafHash = toHex(leaf)
      if (!verifyInclusion(crypto, { leaf, index, size, root, proof: path.map(fromBase64) }))
        find(`entry ${index}`, 'its inclusion proof does not hold under the checkpoint')
      report.findings.push(...(await records.check(entry, index, leaf)))
      if (wanted.delete(index) && records.find(leafHash, 'decision') !== null) report.decisions.push(leafHash)
      await onRecord?.(leafHash, index, records)
      report.entries++
    }
    report.findings.push(...(await records.settle()), ...records.keyFindings(formatVkey(logKey)))
    if (report.decisions.length < file.decisions.length)
      find('decisions', 'the file does not hold each decision that it names, once')
    const named = new Set(records.blobs.map(({ ref }) => ref.sha256))
    for (const sha256 of report.payloads.keys())
      if (!named.has(sha256)) find(`payload ${sha256}`, 'is named by no record of the file')
  } catch (error) {
    find('warrant', reasonOf(error))
  }
  report.ok = report.findings.length === 0
  return report
}

function payloadsOf(
  { payloads }: WarrantFile,
  crypto: CryptoPort,
  find: (where: string, reason: string) => void,
): Map<string, Uint8Array> {
  const held = new Map<string, Uint8Array>()
  for (const { sha256, bytes: text } of payloads) {
    const bytes = fromBase64(text)
    if (held.has(sha256)) find(`payload ${sha256}`, 'stands there twice')
    if (toHex(crypto.sha256(bytes)) !== sha256) find(`payload ${sha256}`, 'is not what its digest names')
    else held.set(sha256, bytes)
  }
  return held
}

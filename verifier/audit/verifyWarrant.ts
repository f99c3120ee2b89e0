import { z } from 'zod'
import { fromBase64, toHex } from '#verifier/evidence/bytes.ts'
import { parseCanonical } from '#verifier/evidence/canonical.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { count } from '#verifier/evidence/primitives.ts'
import { type Checkpoint, openCheckpoint } from '#verifier/log/checkpoint.ts'
import { hashLeaf, verifyInclusion } from '#verifier/log/merkle.ts'
import { formatVkey, type NoteKey, parseVkey } from '#verifier/log/signedNote.ts'
import type { Finding } from '#verifier/log/verifyTree.ts'
import { createRecordChecker, type RecordChecker } from './recordChecker.ts'

const base64 = z.string().max(90_000)

/**
 * A `.warrant` file, canonical JSON: everything that one decision rests on and what came of it, each log entry with its
 * inclusion proof under one signed checkpoint. `vkey` says whose log it claims to be: a reader pins their own.
 */
export const warrantFile = z.strictObject({
  v: z.literal(1),
  kind: z.literal('warrant'),
  vkey: z.string().max(300),
  note: z.string().max(20_000),
  decision: count,
  entries: z
    .array(z.strictObject({ index: count, entry: base64, path: z.array(base64).max(63) }))
    .min(1)
    .max(512),
})
export type WarrantFile = z.infer<typeof warrantFile>

export type WarrantReport = {
  ok: boolean
  checkpoint: Checkpoint | null
  /** Leaf hash of the decision. */
  decision: string | null
  entries: number
  findings: Finding[]
}

/** A `.warrant` file's parts. @throws EVIDENCE_MALFORMED */
export function parseWarrant(bytes: Uint8Array): WarrantFile {
  const parsed = warrantFile.safeParse(parseCanonical(bytes))
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new WarrantError('EVIDENCE_MALFORMED', `warrant: ${issue?.path.join('.') || '(root)'}: ${issue?.message}`)
}

/**
 * Verifies a `.warrant` file from its bytes alone: the checkpoint's signature, every inclusion proof, every record and
 * signature in it. `key`: the log's, from somewhere trusted; without it the file's own, which pins nothing. `onRecord`
 * follows along. What it cannot show: that nothing else was logged; for that, verify the log.
 */
export async function verifyWarrant(
  { crypto, bytes, key }: { crypto: CryptoPort; bytes: Uint8Array; key: NoteKey | null },
  onRecord?: (leafHash: string, index: number, records: RecordChecker) => void,
): Promise<WarrantReport> {
  const report: WarrantReport = { ok: false, checkpoint: null, decision: null, entries: 0, findings: [] }
  const find = (where: string, reason: string) => void report.findings.push({ where, reason })
  const records = createRecordChecker(crypto, { scope: 'excerpt' })
  try {
    const file = parseWarrant(bytes)
    const logKey = key ?? parseVkey(crypto, file.vkey)
    const checkpoint = openCheckpoint(crypto, file.note, logKey)
    report.checkpoint = checkpoint
    const { size, root } = checkpoint
    let before = -1
    for (const { index, entry: text, path } of file.entries) {
      if (index <= before) find(`entry ${index}`, 'does not stand in the order of the log')
      before = index
      const entry = fromBase64(text)
      const leaf = hashLeaf(crypto, entry)
      if (!verifyInclusion(crypto, { leaf, index, size, root, proof: path.map(fromBase64) }))
        find(`entry ${index}`, 'its inclusion proof does not hold under the checkpoint')
      report.findings.push(...(await records.check(entry, index, leaf)))
      if (index === file.decision) report.decision = toHex(leaf)
      onRecord?.(toHex(leaf), index, records)
      report.entries++
    }
    report.findings.push(...(await records.settle()), ...records.keyFindings(formatVkey(logKey)))
    if (report.decision === null || records.find(report.decision, 'decision') === null)
      find('decision', 'the file does not hold the decision that it names')
  } catch (error) {
    find('warrant', reasonOf(error))
  }
  report.ok = report.findings.length === 0
  return report
}

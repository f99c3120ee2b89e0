import { toHex } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import type { RecordKind } from '#verifier/evidence/record.ts'
import { formatVkey, type NoteKey } from '#verifier/log/signedNote.ts'
import { type Finding, type LogFiles, verifyTree } from '#verifier/log/verifyTree.ts'
import { createRecordChecker, type OpenRun, type RecordChecker } from './recordChecker.ts'

export type LogReport = {
  ok: boolean
  origin: string | null
  size: number
  root: string | null
  records: Partial<Record<RecordKind, number>>
  /** Runs that go on, or were cut off. */
  open: OpenRun[]
  /** `retired`: not there, and the log says so itself. */
  blobs: { present: number; missing: string[]; retired: string[] }
  findings: Finding[]
}

/**
 * Verifies a log from its files alone: every byte of the tree, every record, every signature. `onRecord` follows along
 * (a replay). Missing blobs are findings of their own kind: the log is whole, a payload is not there.
 */
export async function verifyLog(
  { files, crypto, key }: { files: LogFiles; crypto: CryptoPort; key: NoteKey },
  onRecord?: (leafHash: string, index: number, records: RecordChecker) => void | Promise<void>,
): Promise<LogReport> {
  const records = createRecordChecker(crypto)
  const findings: Finding[] = []
  const tree = await verifyTree({ files, crypto, key }, async (entry, index, leaf) => {
    findings.push(...(await records.check(entry, index, leaf)))
    // Bounds what is in flight.
    if (index % 1_024 === 1_023) findings.push(...(await records.settle()))
    await onRecord?.(toHex(leaf), index, records)
  })
  findings.unshift(...tree.findings)
  findings.push(...(await records.settle()), ...records.keyFindings(formatVkey(key)))
  const absent = records.blobs.filter(({ ref }) => tree.blobs.get(ref.sha256) !== ref.size)
  const missing = absent.filter(({ ref }) => !tree.retired.has(ref.sha256))
  const retired = absent.filter(({ ref }) => tree.retired.has(ref.sha256))
  findings.push(
    ...missing.map(({ ref, where }) => ({
      where,
      reason: `missing blob ${ref.sha256} (${ref.size} bytes): the log is whole, this payload is not`,
    })),
  )
  return {
    ok: findings.length === 0,
    origin: tree.checkpoint?.origin ?? null,
    size: tree.checkpoint?.size ?? 0,
    root: tree.checkpoint === null ? null : toHex(tree.checkpoint.root),
    records: records.counts,
    open: records.open(),
    blobs: {
      present: tree.blobs.size,
      missing: missing.map(m => m.ref.sha256),
      retired: retired.map(r => r.ref.sha256),
    },
    findings,
  }
}

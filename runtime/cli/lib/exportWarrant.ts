import { existsSync } from 'node:fs'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { writeDurably } from '#runtime/log/disk.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { createMerkleTree } from '#runtime/log/merkleTree.ts'
import { verifyLog } from '#verifier/audit/verifyLog.ts'
import type { WarrantFile } from '#verifier/audit/verifyWarrant.ts'
import { fromHex, fromUtf8, toBase64, toHex } from '#verifier/evidence/bytes.ts'
import { canonicalBytes } from '#verifier/evidence/canonical.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { type AnyRecord, encodeRecord } from '#verifier/evidence/record.ts'
import { hashLeaf } from '#verifier/log/merkle.ts'
import { formatVkey } from '#verifier/log/signedNote.ts'
import { createStoryCollector, type Story } from './explainDecision.ts'
import { logKeyFor } from './logKey.ts'

/** Writes the `.warrant` file of one decision of a published log. Returns how many entries it holds. @throws EVIDENCE_MISSING, EVIDENCE_MALFORMED when the log does not verify, BAD_INPUT when the file exists */
export async function exportWarrant(
  dir: string,
  what: string,
  out: string,
): Promise<{ entries: number; bytes: number }> {
  if (existsSync(out)) throw new WarrantError('BAD_INPUT', `${out} exists: give another name`)
  const { key } = logKeyFor(dir, undefined)
  const files = openLogFiles(dir)
  const stories = createStoryCollector()
  const indexOf = new Map<string, number>()
  const leaves: Uint8Array[] = []
  /** They lead from the key that the run names to the checkpoint's. */
  const handovers: { index: number; record: AnyRecord }[] = []
  const report = await verifyLog({ files, crypto: nodeCrypto, key }, (leaf, index, records) => {
    indexOf.set(leaf, index)
    leaves.push(fromHex(leaf))
    const record = records.find(leaf, 'handover')
    if (record !== null) handovers.push({ index, record })
    stories.onRecord(leaf, records)
  })
  const [finding] = report.findings
  if (finding !== undefined)
    throw new WarrantError('EVIDENCE_MALFORMED', `${dir} does not verify: ${finding.where}: ${finding.reason}`)
  const story = stories.find(what)
  if (story === null) throw new WarrantError('EVIDENCE_MISSING', `${what}: no decision of that name in ${dir}`)
  const tree = createMerkleTree(leaves)
  const begun = indexOf.get(toHex(hashLeaf(nodeCrypto, encodeRecord(story.run)))) as number
  const later = handovers.flatMap(({ index, record }) => (index > begun ? [record] : []))
  const entries = [...recordsOf(story), ...later]
    .map(record => {
      const entry = encodeRecord(record)
      const index = indexOf.get(toHex(hashLeaf(nodeCrypto, entry))) as number
      return { index, entry: toBase64(entry), path: tree.inclusionProof(index).map(toBase64) }
    })
    .sort((a, b) => a.index - b.index)
  const file: WarrantFile = {
    v: 1,
    kind: 'warrant',
    vkey: formatVkey(key),
    note: fromUtf8((await files.read('checkpoint')) as Uint8Array),
    decision: indexOf.get(story.decisionLeaf) as number,
    entries,
  }
  const bytes = canonicalBytes(file)
  writeDurably(out, bytes)
  return { entries: entries.length, bytes: bytes.length }
}

function recordsOf(story: Story): AnyRecord[] {
  const { run, observation, calls, decision, proposals, approvals, verdicts, submissions, outcomes, fills } = story
  const asked = calls.flatMap(({ request, response }) => (request === null ? [response] : [request, response]))
  const proposed = [...proposals, ...submissions].map(({ record }) => record)
  const all = [run, ...(observation === null ? [] : [observation]), ...asked, decision, ...proposed]
  // A response may be used twice by one decision.
  return [...new Set<AnyRecord>([...all, ...approvals, ...verdicts, ...outcomes, ...fills])]
}

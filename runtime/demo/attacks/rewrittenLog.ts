import { cpSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { rebuildLog } from '#runtime/log/rebuildLog.ts'
import { askWitness } from '#runtime/log/witnessClient.ts'
import { canonicalBytes } from '#verifier/evidence/canonical.ts'
import { decodeRecord } from '#verifier/evidence/record.ts'
import { openCheckpoint } from '#verifier/log/checkpoint.ts'
import { parseVkey } from '#verifier/log/signedNote.ts'
import { verifyTree } from '#verifier/log/verifyTree.ts'

export type RewrittenLogDid = { status: number; body: string; treeVerifies: boolean }

/**
 * Holds the log's key and a copy of its directory. Changes what the strategy said, hashes and signs everything anew, so
 * that the copy verifies by itself, and presents it to the witness as the log.
 */
export async function rewrittenLog({
  logSeed,
  logDir,
  copyDir,
  witnessUrl,
}: {
  logSeed: string
  logDir: string
  copyDir: string
  witnessUrl: string
}): Promise<RewrittenLogDid> {
  const signer = ed25519Signer(Buffer.from(logSeed, 'hex'))
  const key = parseVkey(nodeCrypto, readFileSync(join(logDir, 'vkey'), 'utf8').trim())
  const entries: Uint8Array[] = []
  await verifyTree({ files: openLogFiles(logDir), crypto: nodeCrypto, key }, entry => void entries.push(entry.slice()))
  const target = entries.findIndex(entry => decodeRecord(entry).kind === 'decision')
  const record = decodeRecord(entries[target] as Uint8Array)
  if (record.kind === 'decision') record.body.result.reason = 'nothing to see here'
  entries[target] = canonicalBytes(record)

  cpSync(logDir, copyDir, { recursive: true })
  rmSync(join(copyDir, 'tile'), { recursive: true })
  await rebuildLog({ dir: copyDir, origin: key.name, signer, entries })
  const report = await verifyTree({ files: openLogFiles(copyDir), crypto: nodeCrypto, key }, () => {})
  const note = readFileSync(join(copyDir, 'checkpoint'), 'utf8')
  const { size } = openCheckpoint(nodeCrypto, note, key)
  const { status, body } = await askWitness(witnessUrl, { old: size, proof: [], note })
  return { status, body, treeVerifies: report.findings.length === 0 }
}

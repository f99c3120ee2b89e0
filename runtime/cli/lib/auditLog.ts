import { createChainPort } from '#runtime/chain/createChainPort.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { type CompletenessReport, reconcile } from '#verifier/audit/completeness.ts'
import { verifyLog } from '#verifier/audit/verifyLog.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import type { Finding } from '#verifier/log/verifyTree.ts'
import { logKeyFor } from './logKey.ts'

export type AuditReport = CompletenessReport & { findings: Finding[]; chainId: number; safe: string }

/** Audits a log against the chain: the log itself, and that every balance change of the Safe since the first observation is explained. @throws BAD_INPUT */
export async function auditLog({
  dir,
  rpc,
  vkey,
  toBlock,
}: {
  dir: string
  rpc: string
  vkey?: string | undefined
  toBlock?: number
}): Promise<AuditReport> {
  const { key } = logKeyFor(dir, vkey)
  const outcomes: RecordOf<'outcome'>[] = []
  const proposals = new Map<string, RecordOf<'proposal'>>()
  let firstBlock: number | null = null
  let run: RecordOf<'run'> | null = null
  const log = await verifyLog({ files: openLogFiles(dir), crypto: nodeCrypto, key }, (leaf, _index, records) => {
    const outcome = records.find(leaf, 'outcome')
    if (outcome !== null) outcomes.push(outcome)
    const proposal = records.find(leaf, 'proposal')
    if (proposal !== null) proposals.set(leaf, proposal)
    const block = records.find(leaf, 'observation')?.body.provenance.chain?.blockNumber
    if (block !== undefined) firstBlock ??= block
    run ??= records.find(leaf, 'run')
  })
  const chainIdentity = (run as RecordOf<'run'> | null)?.body.chain
  if (chainIdentity == null || firstBlock === null)
    throw new WarrantError('BAD_INPUT', `${dir}: this run had no chain: there is nothing to audit (try warrant replay)`)
  const chain = createChainPort(rpc)
  const chainId = await chain.chainId()
  if (chainId !== chainIdentity.chainId)
    throw new WarrantError('BAD_INPUT', `${rpc} is chain ${chainId}, the log is of chain ${chainIdentity.chainId}`)
  const outcomeOf = new Map(outcomes.map(record => [record.body.transactionHash, record]))
  const report = await reconcile({
    chain,
    identity: chainIdentity,
    managers: chainIdentity.positions === undefined ? [] : [chainIdentity.positions],
    outcomes,
    explains({ transactionHash, proposalDigest: digest, nonce }) {
      const record = outcomeOf.get(transactionHash)
      const proposal = record === undefined ? undefined : proposals.get(record.body.proposal)
      const fits =
        proposal !== undefined && proposalDigest(proposal.body) === digest && BigInt(proposal.body.nonce) === nonce
      return fits ? digest : null
    },
    fromBlock: firstBlock,
    toBlock: toBlock ?? (await chain.head()).number,
  })
  for (const { body } of outcomes) {
    for (const check of body.checks)
      if (!check.ok)
        report.unexplained.push({
          transactionHash: body.transactionHash,
          blockNumber: body.blockNumber,
          reason: `${check.id}: ${check.detail}`,
        })
  }
  return { ...report, findings: log.findings, chainId, safe: chainIdentity.safe }
}

import { randomBytes } from 'node:crypto'
import { privateKeyToAccount } from 'viem/accounts'
import { createChainPort } from '#runtime/chain/createChainPort.ts'
import { executeCalldata } from '#runtime/chain/executor.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { Proposal } from '#verifier/evidence/records/proposal.ts'
import type { ChainIdentity } from '#verifier/evidence/records/run.ts'
import type { Verdict } from '#verifier/evidence/records/verdict.ts'
import { VERDICT_TYPES, verdictDomain, verdictMessage } from '#verifier/evidence/verdictTypes.ts'
import { readPublicLog } from './publicLog.ts'
import { type SentToModule, sendToModule } from './sendToModule.ts'

export type StrangerVerdictHolds = { ethKey: string; logUrl: string; rpc: string; chain: ChainIdentity }

/** Holds a key of its own. Takes a real proposal from the log, approves it itself, and sends it straight to the module. */
export async function strangerVerdict({ ethKey, logUrl, rpc, chain }: StrangerVerdictHolds): Promise<SentToModule> {
  const stranger = privateKeyToAccount(ethKey as `0x${string}`)
  const { records } = await readPublicLog(logUrl)
  const real = records.find(({ record }) => record.kind === 'proposal')?.record.body as Proposal
  const head = await createChainPort(rpc).head()
  const proposal = {
    ...real,
    nonce: String(BigInt(`0x${randomBytes(16).toString('hex')}`)),
    executor: stranger.address.toLowerCase(),
    validUntil: head.timestamp + 600,
  }
  const digest = proposalDigest(proposal)
  const verdict = { proposalDigest: digest, refBlock: head.number - 1, refBlockHash: '' }
  verdict.refBlockHash = (await createChainPort(rpc).block(verdict.refBlock))?.hash ?? ''
  const signature = await stranger.signTypedData({
    domain: verdictDomain(chain.chainId, chain.module),
    types: VERDICT_TYPES,
    primaryType: 'Verdict',
    message: verdictMessage({ proposal, ...verdict }),
  })
  const data = executeCalldata(proposal, [{ ...verdict, signature, signer: stranger.address.toLowerCase() } as Verdict])
  return sendToModule({ rpc, chainId: chain.chainId, module: chain.module, key: ethKey, data })
}

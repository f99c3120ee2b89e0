import { randomBytes } from 'node:crypto'
import { privateKeyToAccount } from 'viem/accounts'
import { buildProposal } from '#agents/build/buildProposal.ts'
import { createChainPort } from '#runtime/chain/createChainPort.ts'
import { executeCalldata } from '#runtime/chain/executor.ts'
import { chainBalances } from '#runtime/market/observer.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { ChainIdentity } from '#verifier/evidence/records/run.ts'
import type { Verdict } from '#verifier/evidence/records/verdict.ts'
import { VERDICT_TYPES, verdictDomain, verdictMessage } from '#verifier/evidence/verdictTypes.ts'
import { type SentToModule, sendToModule } from './sendToModule.ts'

export type StrangerVerdictHolds = { ethKey: string; rpc: string; chain: ChainIdentity; policyDigest: string }

/** Holds a key of its own. Makes up a harmless swap of the treasury, approves it itself, and sends it straight to the module. */
export async function strangerVerdict({
  ethKey,
  rpc,
  chain,
  policyDigest,
}: StrangerVerdictHolds): Promise<SentToModule> {
  const stranger = privateKeyToAccount(ethKey as `0x${string}`)
  const port = createChainPort(rpc)
  const head = await port.head()
  const { balances } = await chainBalances(port, chain)()
  const [sell = '', buy = ''] = Object.keys(balances).sort(
    (a, b) => (BigInt(balances[a] ?? 0) > 0n ? -1 : 1) - (BigInt(balances[b] ?? 0) > 0n ? -1 : 1),
  )
  const proposal = buildProposal({
    agent: 'nobody',
    decision: '00'.repeat(32),
    intents: [{ type: 'swap', sell, buy, amountIn: String(BigInt(balances[sell] ?? 0) / 1_000n), minBuy: '1' }],
    chain,
    nonce: BigInt(`0x${randomBytes(16).toString('hex')}`),
    policyDigest,
    executor: stranger.address.toLowerCase(),
    validUntil: head.timestamp + 600,
    sign: () => new Uint8Array(64),
  })
  const refBlock = head.number - 1
  const verdict = {
    proposalDigest: proposalDigest(proposal),
    refBlock,
    refBlockHash: (await port.block(refBlock))?.hash ?? '',
    validUntil: proposal.validUntil,
  }
  const signature = await stranger.signTypedData({
    domain: verdictDomain(chain.chainId, chain.module),
    types: VERDICT_TYPES,
    primaryType: 'Verdict',
    message: verdictMessage({ proposal, ...verdict }),
  })
  const data = executeCalldata(proposal, [{ ...verdict, signature, signer: stranger.address.toLowerCase() } as Verdict])
  return sendToModule({ rpc, chainId: chain.chainId, module: chain.module, key: ethKey, data })
}

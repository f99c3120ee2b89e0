import { fromHex, toHex } from '#verifier/evidence/bytes.ts'
import { domainBytes } from '#verifier/evidence/digest.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { Intent } from '#verifier/evidence/records/decision.ts'
import { BOUND_KINDS, type Call, type Proposal } from '#verifier/evidence/records/proposal.ts'
import type { ChainIdentity } from '#verifier/evidence/records/run.ts'
import { encoderOf } from './adapters/index.ts'
import { tokenAddress } from './tokenAddress.ts'

/** What the module calls the native coin. */
const NATIVE = `0x${'00'.repeat(20)}`

export type BuildProposalParameters = {
  agent: string
  decision: string
  intents: readonly Intent[]
  chain: ChainIdentity
  nonce: bigint
  policyDigest: string
  executor: string
  validUntil: number
  /** Signs as the agent: Ed25519 over the given bytes. */
  sign(message: Uint8Array): Uint8Array
}

/** The signed proposal for a decision's intents: exact calls, and a balance bound for every token that they move. @throws BAD_INPUT */
export function buildProposal({ intents, chain, sign, ...rest }: BuildProposalParameters): Proposal {
  const calls: Call[] = intents.flatMap(intent => encoderOf(intent.type).encode(intent, chain, rest.validUntil))
  const changes = new Map<string, bigint>()
  for (const intent of intents) {
    for (const [symbol, amount] of encoderOf(intent.type).changes(intent)) {
      const token = symbol === 'native' ? NATIVE : tokenAddress(chain, symbol)
      changes.set(token, (changes.get(token) ?? 0n) + amount)
    }
  }
  const unsigned: Proposal = {
    agent: rest.agent,
    decision: rest.decision,
    chainId: chain.chainId,
    safe: chain.safe,
    module: chain.module,
    nonce: String(rest.nonce),
    calls,
    bounds: [...changes].map(([target, limit]) => ({
      kind: BOUND_KINDS.balanceChangeAtLeast,
      target,
      id: '0',
      limit: String(limit),
    })),
    policyDigest: rest.policyDigest,
    executor: rest.executor,
    validUntil: rest.validUntil,
    signature: '',
  }
  return { ...unsigned, signature: toHex(sign(domainBytes('proposal', fromHex(proposalDigest(unsigned))))) }
}

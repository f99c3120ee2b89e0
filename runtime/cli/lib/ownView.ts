import { toFunctionSelector } from 'viem'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { ChainPort } from '#verifier/evidence/ports/chain.ts'
import type { Proposal } from '#verifier/evidence/records/proposal.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import type { OwnView } from './approvalScreen.ts'

const POLICY_DIGEST = toFunctionSelector('policyDigest()')
const SLOT0 = toFunctionSelector('slot0()')

/** What an approver's own node says of a proposal. @throws BAD_INPUT for another chain, CHAIN_FAILED */
export async function readOwnView(chain: ChainPort, proposal: Proposal, policy: Policy | null): Promise<OwnView> {
  const chainId = await chain.chainId()
  if (chainId !== proposal.chainId)
    throw new WarrantError(
      'BAD_INPUT',
      `your node is on chain ${chainId}, the proposal is for chain ${proposal.chainId}`,
    )
  const head = await chain.head()
  const pool = policy?.uniswapV3[0]?.pool
  const slot = pool === undefined ? null : await chain.read({ to: pool, data: SLOT0 }, head.number).catch(() => null)
  const tokens = policy?.tokens.map(({ symbol, address }) => ({ symbol, address })) ?? []
  return {
    policyInForce: await chain.read({ to: proposal.module, data: POLICY_DIGEST }, head.number),
    chainTimeSeconds: head.timestamp,
    tick: slot === null || slot.length < 130 ? null : Number(BigInt.asIntN(24, BigInt(`0x${slot.slice(66, 130)}`))),
    simulation: await chain
      .simulate({ from: proposal.safe, calls: proposal.calls, blockNumber: head.number, tokens })
      .catch(() => null),
  }
}

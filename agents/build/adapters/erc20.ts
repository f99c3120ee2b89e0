import { encodeFunctionData, parseAbi } from 'viem'
import type { Intent } from '#verifier/evidence/records/decision.ts'
import type { Call } from '#verifier/evidence/records/proposal.ts'
import type { ChainIdentity } from '#verifier/evidence/records/run.ts'
import { tokenAddress } from '../tokenAddress.ts'
import type { BuildAdapter } from './adapter.ts'

const ABI = parseAbi([
  'function approve(address spender, uint256 amount) returns (bool)',
  'function transfer(address to, uint256 amount) returns (bool)',
])
type Hex = `0x${string}`

/** approve(spender, amount) on a token. */
export function encodeApprove(token: string, spender: string, amount: bigint): Call {
  return {
    to: token,
    value: '0',
    data: encodeFunctionData({ abi: ABI, functionName: 'approve', args: [spender as Hex, amount] }),
  }
}

/** transfer(to, amount) on a listed token. */
export function encodeTransfer(intent: Extract<Intent, { type: 'transfer' }>, chain: ChainIdentity): Call {
  const data = encodeFunctionData({
    abi: ABI,
    functionName: 'transfer',
    args: [intent.to as Hex, BigInt(intent.amount)],
  })
  return { to: tokenAddress(chain, intent.token), value: '0', data }
}

/** Transfers. */
export const erc20: BuildAdapter = {
  transfer: {
    encode: (intent, chain) => [encodeTransfer(intent, chain)],
    changes: ({ token, amount }) => [[token, -BigInt(amount)]],
  },
}

import type { Call } from '#verifier/evidence/records/proposal.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { type DecodedCall, NATIVE } from './adapters/adapter.ts'
import { decodeCall } from './decodeCall.ts'
import { microUsd } from './price.ts'

/**
 * Whole dollars that calls send out, at the oracle's price, rounded up; null when a call or a token has no known value, or
 * beyond what a record can hold.
 */
export function valueAtRiskUsd(policy: Policy, calls: readonly Call[], oracleTick: number): number | null {
  let micro = 0n
  for (const call of calls) {
    const decoded = decodeCall(call, policy)
    if (decoded === null) return null
    for (const { token, amount } of outflowsOf(decoded, calls, policy)) {
      const worth = microUsd(policy, token, amount, oracleTick)
      if (worth === null) return null
      micro += worth
    }
  }
  const dollars = (micro + 999_999n) / 1_000_000n
  return dollars <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(dollars) : null
}

/** What leaves by a call; where that is whatever was approved, the approvals of the same batch, and the value that it carries. */
function outflowsOf(
  { outflows, to, value }: DecodedCall,
  calls: readonly Call[],
  policy: Policy,
): readonly { token: string; amount: bigint }[] {
  if (outflows !== 'approved') return outflows
  const approvals = calls
    .map(call => decodeCall(call, policy))
    .filter(call => call?.name === 'approve' && call.args.spender === to)
    .map(call => ({ token: call?.to ?? '', amount: BigInt(call?.args.amount ?? 0) }))
  return value === 0n ? approvals : [...approvals, { token: NATIVE, amount: value }]
}

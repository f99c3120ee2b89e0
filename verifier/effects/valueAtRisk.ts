import type { Call } from '#verifier/evidence/records/proposal.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { type DecodedCall, NATIVE } from './adapters/adapter.ts'
import { decodeCall } from './decodeCall.ts'
import { microUsd } from './price.ts'

/** What calls send out, or put at stake, by token in base units; null when one of them cannot be decoded. */
export function outflowsOf(policy: Policy, calls: readonly Call[]): Map<string, bigint> | null {
  const total = new Map<string, bigint>()
  const decoded: DecodedCall[] = []
  for (const call of calls) {
    const known = decodeCall(call, policy)
    if (known === null) return null
    decoded.push(known)
  }
  for (const call of decoded)
    for (const { token, amount } of call.outflows === 'approved' ? approvedTo(call, decoded) : call.outflows)
      total.set(token, (total.get(token) ?? 0n) + amount)
  return total
}

/** What the same batch lets a call's target take, and the value that goes with it. */
export function approvedTo(
  { to, value }: DecodedCall,
  batch: readonly DecodedCall[],
): { token: string; amount: bigint }[] {
  const approvals = batch
    .filter(call => call.name === 'approve' && call.args.spender === to)
    .map(call => ({ token: call.to, amount: BigInt(call.args.amount ?? 0) }))
  return value === 0n ? approvals : [...approvals, { token: NATIVE, amount: value }]
}

/**
 * Whole dollars that calls send out, at the oracle's price, rounded up; null when a call or a token has no known value, or
 * beyond what a record can hold.
 */
export function valueAtRiskUsd(policy: Policy, calls: readonly Call[], oracleTick: number): number | null {
  const outflows = outflowsOf(policy, calls)
  if (outflows === null) return null
  let micro = 0n
  for (const [token, amount] of outflows) {
    const worth = microUsd(policy, token, amount, oracleTick)
    if (worth === null) return null
    micro += worth
  }
  const dollars = (micro + 999_999n) / 1_000_000n
  return dollars <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(dollars) : null
}

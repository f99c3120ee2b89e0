import type { Call } from '#verifier/evidence/records/proposal.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { decodeCall } from './decodeCall.ts'
import { microUsd } from './price.ts'

/**
 * Whole dollars that calls send out, at the oracle's price, rounded up; null when a call or a token has no known value, or
 * beyond what a record can hold.
 */
export function valueAtRiskUsd(policy: Policy, calls: readonly Call[], oracleTick: number): number | null {
  let micro = 0n
  for (const call of calls) {
    const decoded = decodeCall(call)
    if (decoded === null) return null
    if (decoded.outflow === null) continue
    const worth = microUsd(policy, decoded.outflow.token, decoded.outflow.amount, oracleTick)
    if (worth === null) return null
    micro += worth
  }
  const dollars = (micro + 999_999n) / 1_000_000n
  return dollars <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(dollars) : null
}

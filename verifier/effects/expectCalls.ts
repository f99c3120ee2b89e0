import type { Intent } from '#verifier/evidence/records/decision.ts'
import type { Bound, Call } from '#verifier/evidence/records/proposal.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { type DecodedCall, tokenOf } from './adapters/adapter.ts'
import { ruleOf } from './adapters/index.ts'
import { decodeCall } from './decodeCall.ts'

/**
 * Whether decoded calls are exactly what the intents ask for, in order, paying nobody but whom they name. Returns the
 * first difference in words, or null.
 */
export function callsDifference(
  calls: readonly Call[],
  intents: readonly Intent[],
  policy: Policy,
  validUntil: number,
): string | null {
  const decoded: DecodedCall[] = []
  for (const [i, call] of calls.entries()) {
    const known = decodeCall(call, policy)
    if (known === null) return `call ${i} to ${call.to} cannot be decoded`
    decoded.push(known)
  }
  for (const [i, intent] of intents.entries()) {
    const rule = ruleOf(intent.type)
    if (rule === null) return `intent ${i} is a ${intent.type}, which no adapter knows`
    const difference = rule.expect(intent, () => decoded.shift(), { policy, validUntil })
    if (difference !== null) return `intent ${i}: ${difference}`
  }
  return decoded.length === 0 ? null : `${decoded.length} calls more than the intents ask for`
}

/** The bounds that the intents imply: per token, what may leave at most and what must come at least. */
export function boundsOf(intents: readonly Intent[], policy: Policy): Map<string, bigint> {
  const limits = new Map<string, bigint>()
  for (const intent of intents) {
    for (const [symbol, amount] of ruleOf(intent.type)?.changes(intent) ?? []) {
      const token = tokenOf(policy, symbol) ?? symbol
      limits.set(token, (limits.get(token) ?? 0n) + amount)
    }
  }
  return limits
}

/** The first way in which proposed bounds fall short of the implied ones, or null. */
export function boundsDifference(bounds: readonly Bound[], implied: ReadonlyMap<string, bigint>): string | null {
  const seen = new Set<string>()
  for (const [i, bound] of bounds.entries()) {
    if (bound.kind !== 0 || bound.id !== '0')
      return `bound ${i} is of kind ${bound.kind}: only balance changes (0) are enforced`
    if (seen.has(bound.target)) return `bound ${i} names ${bound.target} a second time`
    seen.add(bound.target)
    const limit = implied.get(bound.target)
    if (limit === undefined) return `bound ${i} names ${bound.target}, which no intent moves`
    if (BigInt(bound.limit) < limit)
      return `bound ${i} lets ${bound.target} change by ${bound.limit}, the decision by ${limit} at the least`
  }
  for (const target of implied.keys()) if (!seen.has(target)) return `no bound names ${target}, which the calls move`
  return null
}

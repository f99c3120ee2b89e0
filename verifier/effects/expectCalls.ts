import type { Intent } from '#verifier/evidence/records/decision.ts'
import type { Bound, Call } from '#verifier/evidence/records/proposal.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { type DecodedCall, decodeCall } from './decodeCall.ts'

/**
 * Whether decoded calls are exactly what the intents ask for, in order, paying nobody but the Safe. Returns the first
 * difference in words, or null. A swap is approve(router, amountIn) then exactInputSingle, which consumes the approval.
 */
export function callsDifference(
  calls: readonly Call[],
  intents: readonly Intent[],
  policy: Policy,
  validUntil: number,
): string | null {
  const decoded: DecodedCall[] = []
  for (const [i, call] of calls.entries()) {
    const known = decodeCall(call)
    if (known === null) return `call ${i} to ${call.to} cannot be decoded`
    decoded.push(known)
  }
  const token = (symbol: string) => policy.tokens.find(t => t.symbol === symbol)?.address
  for (const [i, intent] of intents.entries()) {
    if (intent.type === 'transfer') {
      const call = decoded.shift()
      if (call?.type !== 'transfer') return `intent ${i} is a transfer, the calls have ${call?.type ?? 'nothing'}`
      if (call.token !== token(intent.token)) return `intent ${i} transfers ${intent.token}, the call ${call.token}`
      if (call.to !== intent.to) return `intent ${i} pays ${intent.to}, the call pays ${call.to}`
      if (call.amount !== BigInt(intent.amount))
        return `intent ${i} transfers ${intent.amount}, the call ${call.amount}`
      continue
    }
    const approve = decoded.shift()
    const swap = decoded.shift()
    if (approve?.type !== 'approve' || swap?.type !== 'exactInputSingle') {
      return `intent ${i} is a swap: expected approve and exactInputSingle, got ${approve?.type ?? 'nothing'} and ${swap?.type ?? 'nothing'}`
    }
    const market = policy.uniswapV3.find(m => m.router === swap.router)
    if (market === undefined) return `intent ${i}: ${swap.router} is no router of the policy`
    const expected: [string, unknown, unknown][] = [
      ['approved token', approve.token, token(intent.sell)],
      ['approved spender', approve.spender, swap.router],
      ['approved amount', approve.amount, BigInt(intent.amountIn)],
      ['recipient', swap.recipient, policy.safe],
      ['tokenIn', swap.tokenIn, token(intent.sell)],
      ['tokenOut', swap.tokenOut, token(intent.buy)],
      ['fee', swap.feePips, market.feePips],
      ['deadline', swap.deadline, BigInt(validUntil)],
      ['amountIn', swap.amountIn, BigInt(intent.amountIn)],
      ['amountOutMinimum', swap.amountOutMinimum, BigInt(intent.minBuy)],
      ['sqrtPriceLimit', swap.sqrtPriceLimit, 0n],
    ]
    for (const [what, actual, wanted] of expected) {
      if (actual !== wanted) return `intent ${i}: ${what} is ${actual}, the decision says ${wanted}`
    }
  }
  return decoded.length === 0 ? null : `${decoded.length} calls more than the intents ask for`
}

/** The bounds that the intents imply: per token, what may leave at most and what must come at least. */
export function boundsOf(intents: readonly Intent[], policy: Policy): Map<string, bigint> {
  const limits = new Map<string, bigint>()
  const add = (symbol: string, amount: bigint) => {
    const token = policy.tokens.find(t => t.symbol === symbol)?.address ?? symbol
    limits.set(token, (limits.get(token) ?? 0n) + amount)
  }
  for (const intent of intents) {
    if (intent.type === 'transfer') add(intent.token, -BigInt(intent.amount))
    else {
      add(intent.sell, -BigInt(intent.amountIn))
      add(intent.buy, BigInt(intent.minBuy))
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

import { ADAPTERS } from '#verifier/effects/adapters/index.ts'
import { decodeCall } from '#verifier/effects/decodeCall.ts'
import type { Read } from '#verifier/effects/positions.ts'
import { microUsd } from '#verifier/effects/price.ts'
import { spotOut } from '#verifier/effects/spot.ts'
import { type AuditContext, type AuditPorts, type CheckOutcome, deny } from '../context.ts'

/** What each trade may get at the worst, against the oracle, never against the pool that it trades in. */
export async function slippage({ policy, proposal, oracleTick }: AuditContext): Promise<CheckOutcome | null> {
  for (const call of proposal.body.calls) {
    const trade = decodeCall(call, policy)?.trade ?? null
    if (trade === null) continue
    const sold = microUsd(policy, trade.sold, trade.amountIn, oracleTick as number)
    const bought = microUsd(policy, trade.bought, trade.atLeast, oracleTick as number)
    if (sold === null || bought === null) return deny(`the policy has no price for ${trade.sold} or ${trade.bought}`)
    const lostBps = sold === 0n ? 0n : ((sold - bought) * 10_000n) / sold
    if (lostBps > BigInt(policy.limits.maxSlippageBps)) {
      return deny(`could lose ${lostBps} bps against the oracle; the policy allows ${policy.limits.maxSlippageBps}`)
    }
  }
  return null
}

/** What calls beyond trades accept at the worst, by the protocols' own rules. */
export async function terms({ policy, proposal, oracleTick, head }: AuditContext, { chain }: AuditPorts) {
  const at = {
    policy,
    oracleTick: oracleTick as number,
    read: (call: Parameters<Read>[0]) => chain.read(call, head.number),
  }
  for (const call of proposal.body.calls) {
    const decoded = decodeCall(call, policy)
    if (decoded === null) return deny(`a call to ${call.to} cannot be decoded`)
    for (const adapter of ADAPTERS) {
      const poor = (await adapter.terms?.(decoded, at)) ?? null
      if (poor !== null) return deny(poor)
    }
  }
  return null
}

/** How far the trade moves the price of its pool against itself: simulated, beside the pool's price before it. */
export async function priceImpact(
  { policy, proposal, simulation, head }: AuditContext,
  { chain }: AuditPorts,
): Promise<CheckOutcome | null> {
  const most = policy.limits.maxPriceImpactBps
  if (most === undefined) return null
  const decoded = proposal.body.calls.map(call => decodeCall(call, policy))
  const trades = decoded.flatMap(call => (call?.trade == null ? [] : [{ to: call.to, ...call.trade }]))
  const [trade] = trades
  if (trade === undefined) return null
  const got = BigInt(simulation?.changes.find(({ token }) => token === trade.bought)?.change ?? 0)
  if (trades.length > 1 || got <= 0n)
    return deny('how far several trades, or one without a gain, move the price is unknown')
  const spot = await spotOut(policy, trade, call => chain.read(call, head.number))
  if (spot === null) return deny(`the pool of router ${trade.to} is none of the policy's`)
  const impact = spot === 0n ? 0n : ((spot - got) * 10_000n) / spot
  return impact > BigInt(most) ? deny(`moves the price by ${impact} bps; the policy allows ${most}`) : null
}

import { decodeCall } from '#verifier/effects/decodeCall.ts'
import { spotOut } from '#verifier/effects/spot.ts'
import { breaks, holds, type Rule } from '../rule.ts'

/** How far the trade moves the price of its pool against itself: simulated, beside the pool's price before it. */
export const priceImpact: Rule = {
  id: 'limits.maxPriceImpactBps',
  check: 'policy',
  judge({ policy, subject: { proposal }, facts }) {
    const most = policy.limits.maxPriceImpactBps
    if (most === undefined) return holds()
    const decoded = proposal.body.calls.map(call => decodeCall(call, policy))
    const trades = decoded.flatMap(call => (call?.trade == null ? [] : [{ to: call.to, ...call.trade }]))
    const [trade] = trades
    if (trade === undefined) return holds()
    const got = BigInt(facts.simulation().changes.find(({ token }) => token === trade.bought)?.change ?? 0)
    if (trades.length > 1 || got <= 0n)
      return breaks('how far several trades, or one without a gain, move the price is unknown')
    const spot = facts.ask(spotOut(policy, trade))
    if (spot === null) return breaks(`the pool of router ${trade.to} is none of the policy's`)
    const impact = spot === 0n ? 0n : ((spot - got) * 10_000n) / spot
    return impact > BigInt(most) ? breaks(`moves the price by ${impact} bps; the policy allows ${most}`) : holds()
  },
}

import { outflowsOf } from '#verifier/effects/valueAtRisk.ts'
import { breaks, holds, type Rule } from '../rule.ts'

/** By token: what one proposal, and all of a window, may send out. */
export const tokenLimits: Rule = {
  id: 'limits.tokens',
  check: 'policy',
  judge({ policy, subject: { proposal }, facts, counters, isExit }) {
    if (isExit() || policy.limits.tokens === undefined) return holds()
    const outflows = outflowsOf(policy, proposal.body.calls)
    if (outflows === null) return breaks('what leaves is unknown: a call cannot be decoded')
    const since = facts.head.timestamp - policy.limits.rollingSeconds
    for (const [symbol, { perTrade, rolling }] of Object.entries(policy.limits.tokens)) {
      const token = policy.tokens.find(listed => listed.symbol === symbol)?.address
      if (token === undefined) return breaks(`limits.tokens names ${symbol}, which the policy does not list`)
      const amount = outflows.get(token) ?? 0n
      if (perTrade !== undefined && amount > BigInt(perTrade))
        return breaks(`sends out ${amount} ${symbol}; the policy allows ${perTrade} per trade`)
      if (rolling === undefined || amount === 0n) continue
      const before = counters()
        .counted.filter(({ atSeconds }) => atSeconds > since)
        .reduce((sum, one) => sum + (one.outflows.get(token) ?? 0n), 0n)
      if (before + amount > BigInt(rolling))
        return breaks(`with ${before} ${symbol} before it this would exceed the rolling limit of ${rolling}`)
    }
    return holds()
  },
}

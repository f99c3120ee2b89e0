import { decodeCall } from '#verifier/effects/decodeCall.ts'
import { microUsd } from '#verifier/effects/price.ts'
import { breaks, holds, type Rule } from '../rule.ts'

/** What each trade may get at the worst, against the oracle, never against the pool that it trades in. */
export const slippage: Rule = {
  id: 'limits.maxSlippageBps',
  check: 'policy',
  judge({ policy, subject: { proposal }, tick }) {
    const { maxSlippageBps } = policy.limits
    for (const call of proposal.body.calls) {
      const trade = decodeCall(call, policy)?.trade ?? null
      if (trade === null) continue
      const sold = microUsd(policy, trade.sold, trade.amountIn, tick())
      const bought = microUsd(policy, trade.bought, trade.atLeast, tick())
      if (sold === null || bought === null)
        return breaks(`the policy has no price for ${trade.sold} or ${trade.bought}`)
      const lostBps = sold === 0n ? 0n : ((sold - bought) * 10_000n) / sold
      if (lostBps > BigInt(maxSlippageBps))
        return breaks(`could lose ${lostBps} bps against the oracle; the policy allows ${maxSlippageBps}`)
    }
    return holds()
  },
}

import { breaks, holds, type Rule } from '../rule.ts'

/** Most dollars that one proposal may put at stake. */
export const perTrade: Rule = {
  id: 'limits.perTradeUsd',
  check: 'policy',
  judge({ policy, valueUsd, isExit }) {
    if (isExit()) return holds('a pre-approved exit')
    const usd = valueUsd()
    const { perTradeUsd } = policy.limits
    if (usd === null) return breaks('the value at risk is unknown')
    return usd > perTradeUsd ? breaks(`moves ${usd} USD; the policy allows ${perTradeUsd} per trade`) : holds()
  },
}

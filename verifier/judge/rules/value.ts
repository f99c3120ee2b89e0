import { pricingFault } from '#verifier/policy/pricingFault.ts'
import { breaks, holds, type Rule } from '../rule.ts'

/** What is at stake has a known value: what the policy's sources cannot price is refused. */
export const value: Rule = {
  id: 'tokens.usd',
  check: 'policy',
  judge({ policy, valueUsd, facts }) {
    const unpriced = pricingFault(policy)
    if (unpriced !== null) return breaks(unpriced)
    const usd = valueUsd()
    return usd === null
      ? breaks('the value at risk is unknown')
      : holds(`${usd} USD at risk`, [`oracle: ${facts.raw.market.source}`])
  },
}

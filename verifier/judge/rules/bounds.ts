import { boundsDifference, boundsOf } from '#verifier/effects/expectCalls.ts'
import type { KnownFacts } from '../knownFacts.ts'
import { breaks, holds, type Rule } from '../rule.ts'

/** Typed assertions that the chain enforces: nothing leaves beyond the decision, and what it buys arrives. */
export const bounds: Rule = {
  id: 'bounds',
  check: 'bounds',
  judge({ policy, subject: { proposal, decision }, facts }) {
    const { result } = decision.body
    if (result.type !== 'intents') return breaks('there are no intents to bound')
    const implied = boundsOf(result.intents, policy)
    const difference = boundsDifference(proposal.body.bounds, implied)
    if (difference !== null) return breaks(difference)
    for (const change of simulated(facts))
      if (BigInt(change.change) < (implied.get(change.token) ?? 0n))
        return breaks(`simulated, ${change.asset} changes by ${change.change}, beyond its bound`)
    return holds(`${proposal.body.bounds.length} bounds hold the calls to the decision`)
  },
}

/** Changes that a simulation shows; none where it failed, which the rule of the simulation denies. */
function simulated({ raw: { simulation } }: KnownFacts) {
  return simulation !== undefined && 'value' in simulation ? simulation.value.changes : []
}

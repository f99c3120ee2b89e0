import { boundsDifference, boundsOf } from '#verifier/effects/expectCalls.ts'
import { type Check, deny, pass } from '../context.ts'

/** 9. Typed assertions that the chain enforces: nothing leaves beyond the decision, and what it buys arrives. */
export const boundsCheck: Check = {
  id: 'bounds',
  async run({ policy, proposal, decision, simulation }) {
    if (decision.body.result.type !== 'intents') return deny('there are no intents to bound')
    const implied = boundsOf(decision.body.result.intents, policy)
    const difference = boundsDifference(proposal.body.bounds, implied)
    if (difference !== null) return deny(difference)
    for (const change of simulation?.changes ?? []) {
      if (BigInt(change.change) < (implied.get(change.token) ?? 0n))
        return deny(`simulated, ${change.asset} changes by ${change.change}, beyond its bound`)
    }
    return pass(`${proposal.body.bounds.length} bounds hold the calls to the decision`)
  },
}

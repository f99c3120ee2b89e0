import { ADAPTERS } from '#verifier/effects/adapters/index.ts'
import { decodeCall } from '#verifier/effects/decodeCall.ts'
import { breaks, holds, type Rule } from '../rule.ts'

/** What calls beyond trades accept at the worst, by the protocols' own rules. */
export const terms: Rule = {
  id: 'terms',
  check: 'policy',
  judge({ policy, subject: { proposal }, facts, tick }) {
    for (const call of proposal.body.calls) {
      const decoded = decodeCall(call, policy)
      if (decoded === null) return breaks(`a call to ${call.to} cannot be decoded`)
      for (const adapter of ADAPTERS) {
        if (adapter.terms === undefined) continue
        const poor = facts.ask(adapter.terms(decoded, { policy, oracleTick: tick() }))
        if (poor !== null) return breaks(poor)
      }
    }
    return holds()
  },
}

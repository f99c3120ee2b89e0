import { decodeCall } from '#verifier/effects/decodeCall.ts'
import { breaks, holds, type Rule } from '../rule.ts'

/** Nobody is paid but the Safe and whom the policy lists. */
export const recipients: Rule = {
  id: 'recipients',
  check: 'policy',
  judge({ policy, subject: { proposal } }) {
    for (const call of proposal.body.calls) {
      const pays = decodeCall(call, policy)?.pays ?? null
      if (pays !== null && pays !== policy.safe && !policy.recipients.includes(pays))
        return breaks(`transfers to ${pays}, which the policy does not list`)
    }
    return holds()
  },
}

import { callsDifference } from '#verifier/effects/expectCalls.ts'
import { breaks, holds, type Rule } from '../rule.ts'

/** The calldata, read by the verifier's own decoder, is what the intents ask for, on the policy's treasury. */
export const calldata: Rule = {
  id: 'calldata',
  check: 'calldata',
  judge({ policy, subject: { proposal, decision } }) {
    const { body } = proposal
    if (body.chainId !== policy.chainId || body.safe !== policy.safe || body.module !== policy.module)
      return breaks(
        `the proposal is for safe ${body.safe} by module ${body.module} on chain ${body.chainId}, the policy for another`,
      )
    const { result } = decision.body
    if (result.type !== 'intents') return breaks(`the decision is ${result.type}: it asks for no call`)
    const difference = callsDifference(body.calls, result.intents, policy, body.validUntil)
    return difference === null
      ? holds(`${body.calls.length} calls decoded; they are the decision's intents and nothing else`)
      : breaks(difference)
  },
}

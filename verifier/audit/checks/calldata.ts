import { callsDifference } from '#verifier/effects/expectCalls.ts'
import { type Check, deny, pass } from '../context.ts'

/** 6. The calldata, read by the verifier's own decoder, is what the intents ask for. */
export const calldataCheck: Check = {
  id: 'calldata',
  async run({ policy, proposal, decision }) {
    const { body } = proposal
    if (body.chainId !== policy.chainId || body.safe !== policy.safe || body.module !== policy.module) {
      return deny(
        `the proposal is for safe ${body.safe} by module ${body.module} on chain ${body.chainId}, the policy for another`,
      )
    }
    if (decision.body.result.type !== 'intents')
      return deny(`the decision is ${decision.body.result.type}: it asks for no call`)
    const difference = callsDifference(body.calls, decision.body.result.intents, policy, body.validUntil)
    return difference === null
      ? pass(`${body.calls.length} calls decoded; they are the decision's intents and nothing else`)
      : deny(difference)
  },
}

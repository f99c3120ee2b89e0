import { moduleLimits, needsApprovers } from '#verifier/effects/moduleLimits.ts'
import { countedOutflows, symbolOf } from '../outflows.ts'
import { breaks, holds, type Rule } from '../rule.ts'

/** What the module lets go only with approvers' signatures has them: outflow adds up on chain, and is refused there. */
export const approvalLimits: Rule = {
  id: 'approvalLimits',
  check: 'simulation',
  judge(hearing) {
    const { policy, facts, people } = hearing
    const limits = facts.ask(moduleLimits({ module: policy.module, atSeconds: facts.head.timestamp }))
    const beyond = needsApprovers(limits, countedOutflows(hearing, limits))
    if (beyond === null || people().isEnough) return holds()
    const { asset, outflow, room } = beyond
    return breaks(
      `-${outflow} ${symbolOf(hearing, asset)} would need approvers on chain: the module now lets ${room} out without them`,
    )
  },
}

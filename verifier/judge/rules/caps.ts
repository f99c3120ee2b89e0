import { moduleLimits, outflowLeft } from '#verifier/effects/moduleLimits.ts'
import { countedOutflows, symbolOf } from '../outflows.ts'
import { breaks, holds, type Rule } from '../rule.ts'

/** The calls stay within the outflow caps that the owners set in the module, counted as the module counts. */
export const caps: Rule = {
  id: 'caps',
  check: 'simulation',
  judge(hearing) {
    const { policy, facts } = hearing
    const { module } = policy
    const atSeconds = facts.head.timestamp
    const limits = facts.ask(moduleLimits({ module, atSeconds }))
    for (const [asset, outflow] of countedOutflows(hearing, limits)) {
      if (outflow <= 0n) continue
      const allowed = facts.ask(outflowLeft({ module, asset, atSeconds }))
      if (allowed !== null && outflow > allowed)
        return breaks(
          `-${outflow} ${symbolOf(hearing, asset)} would exceed the owners' cap on chain, which now lets ${allowed} out`,
        )
    }
    return holds()
  },
}

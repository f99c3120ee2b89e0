import type { DecisionResult } from '#verifier/evidence/records/decision.ts'
import type { Policy } from './policy.ts'

/** Whether everything that a decision asks for is a way out that the owners approved beforehand: nobody is asked about it. */
export function isPreApproved({ exits }: Pick<Policy, 'exits'>, result: DecisionResult): boolean {
  return (
    exits !== undefined &&
    result.type === 'intents' &&
    result.intents.every(intent =>
      exits.some(
        exit =>
          exit.intent === intent.type &&
          (exit.sell === undefined || ('sell' in intent && intent.sell === exit.sell)) &&
          (exit.buy === undefined || ('buy' in intent && intent.buy === exit.buy)),
      ),
    )
  )
}

import type { RecordOf } from '#verifier/evidence/record.ts'
import { findOwn, isFirst, type RuleContext } from './ruleContext.ts'

/** R57. */
export function checkFill({ body }: RecordOf<'fill'>, context: RuleContext): void {
  const { state, known, fail } = context
  if (findOwn(context, body.decision, 'decision')?.body.result.type !== 'intents')
    fail('R57', 'body.decision', 'is no earlier decision of this run with intents')
  if (!isFirst(known, 'fill', body.decision)) fail('R57', 'body.decision', 'was filled before')
  if (state.run.body.chain !== null) fail('R57', 'body', 'stands in a run that has a chain')
  state.openDecisions.delete(body.decision)
}

import type { RecordOf } from '#verifier/evidence/record.ts'
import { isFirst, type RuleContext } from './ruleContext.ts'

/** R57. */
export function checkFill({ body, runId }: RecordOf<'fill'>, { state, known, fail }: RuleContext): void {
  const decision = known.find(body.decision, 'decision')
  if (decision?.body.result.type !== 'intents') fail('R57', 'body.decision', 'is no earlier decision with intents')
  else if (decision.runId !== runId) fail('R57', 'body.decision', 'is of another run')
  if (!isFirst(known, 'fill', body.decision)) fail('R57', 'body.decision', 'was filled before')
  if (state.run.body.chain !== null) fail('R57', 'body', 'stands in a run that has a chain')
  state.openDecisions.delete(body.decision)
}

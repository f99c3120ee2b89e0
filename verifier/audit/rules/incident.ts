import { blobRef } from '#verifier/evidence/primitives.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import type { RuleContext } from './ruleContext.ts'

/** R62. An incident is also the end of what it names as its parents. */
export function checkIncident({ body, parents }: RecordOf<'incident'>, { state, fail, names }: RuleContext): void {
  for (const parent of parents) {
    state.openDecisions.delete(parent)
    state.openProposals.delete(parent)
    state.openSubmissions.delete(parent)
  }
  if (body.accuses === undefined) return
  if (!state.run.body.keys.workers.some(({ id }) => id === body.accuses))
    fail('R62', 'body.accuses', `${body.accuses} is no worker of the run`)
  const evidence = blobRef.safeParse(body.evidence)
  if (evidence.success) names(evidence.data, 'body.evidence')
  else fail('R62', 'body.evidence', 'names no payload with what the worker signed')
}

import type { RecordOf } from '#verifier/evidence/record.ts'
import { type RuleContext, same } from './ruleContext.ts'

/** R59 to R61. */
export function checkClose({ body }: RecordOf<'close'>, { state, fail, scope, index }: RuleContext): void {
  state.closed = true
  state.closedAt = index
  if (scope === 'excerpt') return
  const requests = [...state.nextNumber.values()].reduce((sum, n) => sum + n, 0)
  same(fail, 'R59', 'body.decisions', body.decisions, state.decisions)
  same(fail, 'R59', 'body.requests', body.requests, requests)
  const short = (leaf: string) => `${leaf.slice(0, 12)}…`
  for (const [leaf, open] of state.openRequests)
    fail('R60', 'body', `request ${open.body.number} (${short(leaf)}) never got a terminal state`)
  for (const leaf of state.openDecisions)
    fail('R60', 'body', `decision ${short(leaf)} has intents and no end on record`)
  for (const leaf of state.openProposals) fail('R60', 'body', `proposal ${short(leaf)} has no end on record`)
  for (const leaf of state.openSubmissions.keys()) fail('R60', 'body', `submission ${short(leaf)} has no end on record`)
  if (state.unsealed.length > 0) fail('R61', 'body', `${state.unsealed.length} answers with a trace were never sealed`)
}

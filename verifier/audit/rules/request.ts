import { payloadDigest } from '#verifier/evidence/payloadDigest.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import { findOwn, type RuleContext, same } from './ruleContext.ts'

/** R18 to R21. */
export function checkRequest(record: RecordOf<'request'>, context: RuleContext): void {
  const { state, leafHash, crypto, fail, scope } = context
  const { body } = record
  const { strategy, models, agent } = state.run.body
  if (scope === 'log') same(fail, 'R18', 'body.number', body.number, state.nextNumber.get(body.agent) ?? 0)
  state.nextNumber.set(body.agent, body.number + 1)
  if (strategy !== null) same(fail, 'R18', 'body.agent', body.agent, agent)
  same(fail, 'R19', 'body.inputDigest', body.inputDigest, payloadDigest(body.input, crypto))
  if (body.observation !== null || strategy !== null) {
    const seen = body.observation === null ? null : findOwn(context, body.observation, 'observation')
    if (seen === null) fail('R20', 'body.observation', 'is no earlier observation of this run')
    else same(fail, 'R20', 'body.tick', body.tick, seen.body.view.tick)
  }
  if (!models.some(model => model.digest === body.model && model.numeric === body.numeric))
    fail('R21', 'body.model', 'is not a model of this run')
  state.openRequests.set(leafHash, record)
  if (strategy === null) return
  const asked = state.asked.get(body.tick) ?? []
  asked.push({ leaf: leafHash, request: record, response: null, failed: false })
  state.asked.set(body.tick, asked)
}

import type { RecordOf } from '#verifier/evidence/record.ts'
import type { Decision } from '#verifier/evidence/records/decision.ts'
import { findOwn, type RuleContext, same } from './ruleContext.ts'
import type { TickRequest } from './runState.ts'

/** R28 to R32. */
export function checkDecision({ body }: RecordOf<'decision'>, context: RuleContext): void {
  const { state, leafHash, fail, scope } = context
  const { strategy, agent } = state.run.body
  if (scope === 'log') same(fail, 'R28', 'body.tick', body.tick, state.nextTick.get(body.agent) ?? 0)
  state.nextTick.set(body.agent, body.tick + 1)
  same(fail, 'R28', 'body.agent', body.agent, agent)
  state.decisions++
  same(fail, 'R29', 'body.strategy', body.strategy, strategy?.digest)
  same(fail, 'R29', 'body.params', body.params, strategy?.paramsDigest)
  if (body.observation !== null) {
    const seen = findOwn(context, body.observation, 'observation')
    if (seen?.body.view.tick !== body.tick) fail('R30', 'body.observation', 'is not the observation of this tick')
  } else if (body.result.type !== 'missed')
    fail('R30', 'body.observation', 'is missing, which only a missed tick allows')
  checkDoors(body, context)
  if (body.result.type === 'intents') state.openDecisions.add(leafHash)
}

function checkDoors(body: Decision, context: RuleContext): void {
  const { state, fail, scope } = context
  const asked = state.asked.get(body.tick) ?? []
  state.asked.delete(body.tick)
  const cited: string[] = []
  for (const [i, { door, asked: digest, answer }] of body.doors.entries()) {
    const field = `body.doors.${i}`
    if (door === 'observe') {
      if (answer !== body.observation) fail('R31', field, `${answer} is not the observation of this tick`)
      else same(fail, 'R31', `${field}.asked`, digest, answer)
      continue
    }
    const response = findOwn(context, answer, 'response')
    const request = response === null ? null : findOwn(context, response.body.request, 'request')
    if (request === null || request.body.tick !== body.tick || request.body.agent !== body.agent) {
      fail('R31', field, `${answer} is no earlier answer of this tick`)
      continue
    }
    same(fail, 'R31', `${field}.asked`, digest, request.body.inputDigest)
    same(fail, 'R31', `${field}.door`, door, request.body.input.type === 'chat' ? 'chat' : 'infer')
    if (!cited.includes(answer)) cited.push(answer)
  }
  if (scope === 'excerpt') return
  // A tick that was missed may have left a request open behind it.
  const answered = asked.flatMap(({ response }) => (response === null ? [] : [response]))
  const open = asked.find(({ response }) => response === null)
  if (open !== undefined && body.result.type !== 'missed')
    fail('R31', 'body.doors', `request ${open.request.body.number} of this tick has no answer yet`)
  const differs = answered.findIndex((leaf, i) => leaf !== cited[i])
  if (differs >= 0)
    fail(
      'R31',
      'body.doors',
      `leave out, or give in another order, the answer to ${numberOf(asked, answered[differs])}`,
    )
  else if (cited.length > answered.length) fail('R31', 'body.doors', 'cite more answers than this tick has')
  const repeated = reRoll(asked)
  if (repeated !== null)
    fail('R32', 'body.doors', `request ${repeated.request.body.number} asks again what was answered: a re-roll`)
}

const numberOf = (asked: readonly TickRequest[], response: string | undefined) =>
  `request ${asked.find(item => item.response === response)?.request.body.number ?? 'unknown'}`

/** The first request that repeats one that did not fail, or null. */
function reRoll(asked: readonly TickRequest[]): TickRequest | null {
  const answered = new Set<string>()
  for (const item of asked) {
    const { model, numeric, inputDigest } = item.request.body
    const question = `${model} ${numeric} ${inputDigest}`
    if (answered.has(question)) return item
    if (!item.failed) answered.add(question)
  }
  return null
}

import type { RecordOf } from '#verifier/evidence/record.ts'
import { type RuleContext, same } from './ruleContext.ts'

const NO_HASH = `0x${'00'.repeat(32)}`

/** R15 to R17. */
export function checkObservation({ body }: RecordOf<'observation'>, { state, fail }: RuleContext): void {
  const { view, provenance } = body
  const { market, chain } = state.run.body
  const { seen } = state
  if (seen !== null && (view.tick <= seen.tick || view.timeMs <= seen.timeMs))
    fail('R15', 'body.view.tick', `is tick ${view.tick} at ${view.timeMs}, after tick ${seen.tick} at ${seen.timeMs}`)
  state.seen = { tick: view.tick, timeMs: view.timeMs }
  if (market === null) fail('R15', 'body.view', 'has no market in its run')
  else {
    same(fail, 'R15', 'body.view.intervalSeconds', view.intervalSeconds, market.intervalSeconds)
    same(fail, 'R15', 'body.provenance.market.source', provenance.market.source, market.source)
  }
  const starts = view.bars.timeSeconds
  for (const [i, start] of starts.entries())
    if (i > 0 && start <= (starts[i - 1] as number)) {
      fail('R16', `body.view.bars.timeSeconds.${i}`, `is ${start}, after ${starts[i - 1]}`)
      break
    }
  const end = ((starts.at(-1) ?? 0) + view.intervalSeconds) * 1_000
  if (end > view.timeMs) fail('R16', 'body.view.bars', `end at ${end}, after the time of the view, ${view.timeMs}`)
  if ((provenance.chain === null) !== (chain === null))
    fail('R17', 'body.provenance.chain', 'stands where the run has a chain, and only there')
  if (provenance.chain !== null && provenance.chain.blockHash === NO_HASH)
    fail('R17', 'body.provenance.chain.blockHash', 'is no hash of a block')
}

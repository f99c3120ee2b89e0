import { breaks, holds, type Rule } from '../rule.ts'

/**
 * The view is derived whole: from the strategy's manifest and the block's time follows which bars it shows, so that no agent
 * picks among true ones. Bars are aligned to their interval, without gaps, as many as the window; the last is the newest that
 * had ended, and its end is the view's time.
 */
export const observedWindow: Rule = {
  id: 'observation.window',
  check: 'observation',
  judge({ subject: { observation }, facts }) {
    const at = observation?.body.provenance.chain ?? null
    if (observation === null || at === null) return breaks('the observation names no block')
    const { view } = observation.body
    const { intervalSeconds, window } = facts.manifest()
    const { timeSeconds: starts } = view.bars
    if (view.intervalSeconds !== intervalSeconds)
      return breaks(`bars of ${view.intervalSeconds} s; the strategy looks at bars of ${intervalSeconds}`)
    if (starts.length !== window) return breaks(`${starts.length} bars; the strategy looks at ${window}`)
    for (const [i, start] of starts.entries()) {
      const expected = i === 0 ? start - (start % intervalSeconds) : (starts[i - 1] as number) + intervalSeconds
      if (start !== expected) return breaks(`bar ${i} starts at ${start}, it should be ${expected}`)
    }
    const end = (starts.at(-1) ?? 0) + intervalSeconds
    if (view.timeMs !== end * 1_000)
      return breaks(`the view is of ${view.timeMs} ms, its last bar ends at ${end * 1_000}`)
    const block = facts.block(at.blockNumber)
    if (block !== null && block.timestamp >= end + intervalSeconds)
      return breaks(`its last bar ended at ${end}; at ${block.timestamp}, the block's time, a newer one had`)
    return holds()
  },
}

import type { MarketPort } from '#verifier/evidence/ports/market.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import type { BarsFact } from '#verifier/judge/facts.ts'

const COLUMNS = ['open', 'high', 'low', 'close'] as const

/** How an observation's bars differ from a market's own at most; null where it does not cover them. */
export async function compareBars(
  observation: RecordOf<'observation'> | null,
  market: MarketPort,
): Promise<BarsFact | null> {
  if (observation === null) return null
  const { bars, intervalSeconds } = observation.body.view
  const own = await market.barsAt(bars.timeSeconds, intervalSeconds)
  if (own === null) return null
  let worst: NonNullable<BarsFact>['worst'] = null
  for (const column of COLUMNS)
    for (const [i, observed] of bars[column].entries()) {
      const [mine, timeSeconds] = [own[column][i], bars.timeSeconds[i]]
      if (mine === undefined || timeSeconds === undefined) return null
      const isWorse = Math.abs(observed - mine) > (worst === null ? 0 : Math.abs(worst.observed - worst.own))
      if (isWorse) worst = { timeSeconds, column, observed, own: mine }
    }
  return { worst }
}

import { breaks, holds, type Rule } from '../rule.ts'

/** The bars that the strategy saw are the verifier's own, within the policy's tolerance. */
export const observedBars: Rule = {
  id: 'observation.toleranceTicks',
  check: 'observation',
  judge({ policy, subject: { observation }, facts }) {
    if (observation === null) return breaks('there is no observation')
    const bars = facts.bars()
    if (bars === null) return breaks("the verifier's own market data does not cover the bars")
    const { toleranceTicks } = policy.observation
    const { worst } = bars
    if (worst !== null && Math.abs(worst.observed - worst.own) > toleranceTicks)
      return breaks(
        `bar ${worst.timeSeconds}: ${worst.column} is ${worst.observed}, the verifier's own source says ${worst.own} (tolerance ${toleranceTicks} ticks)`,
      )
    return holds(`${observation.body.view.bars.close.length} bars compared`, [
      `market data: ${facts.raw.market.source} is true within ${toleranceTicks} ticks`,
    ])
  },
}

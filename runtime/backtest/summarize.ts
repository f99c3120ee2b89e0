import type { BacktestResult, FaultCount } from './tally.ts'

/** What a backtest comes to. Percentages as numbers; fees are part of the result, not on top. */
export type BacktestSummary = {
  decisions: number
  holds: number
  missed: number
  trades: number
  /** Decisions whose intents were not filled. */
  reverted: number
  /** Why, as often as it was so. */
  missedBy: FaultCount[]
  unfilledBy: FaultCount[]
  startUsdc: number
  endUsdc: number
  holdUsdc: number
  returnPercent: number
  versusHoldPercent: number
  maxDrawdownPercent: number
  feesUsdc: number
  from: string
  to: string
}

/** Summarises a result. */
export function summarize({ equity, ...counts }: BacktestResult): BacktestSummary {
  const [first, last] = [equity[0], equity.at(-1)]
  let [high, drawdown] = [0, 0]
  for (const point of equity) {
    high = Math.max(high, point.equity)
    drawdown = Math.max(drawdown, high === 0 ? 0 : (high - point.equity) / high)
  }
  const start = first?.hold ?? 0
  const [end, hold] = [last?.equity ?? 0, last?.hold ?? 0]
  const round = (value: number) => Math.round(value * 100) / 100
  const iso = (timeMs: number | undefined) => (timeMs === undefined ? '' : new Date(timeMs).toISOString())
  return {
    ...counts,
    feesUsdc: round(counts.feesUsdc),
    startUsdc: round(start),
    endUsdc: round(end),
    holdUsdc: round(hold),
    returnPercent: round(start === 0 ? 0 : (end / start - 1) * 100),
    versusHoldPercent: round(hold === 0 ? 0 : (end / hold - 1) * 100),
    maxDrawdownPercent: round(drawdown * 100),
    from: iso(first?.timeMs),
    to: iso(last?.timeMs),
  }
}

import { type Bar, decisionTimeMs, type Schedule } from '#runtime/market/bars.ts'
import type { Decision } from '#verifier/evidence/records/decision.ts'
import type { Fill } from '#verifier/evidence/records/fill.ts'
import { type Balances, type Pair, worthOf } from './paperTreasury.ts'

/** Something that went wrong, as often as it did. `reason`: in the words of the first time; file and line stand in it where they are known. */
export type FaultCount = { reason: string; count: number; firstTick: number; firstTimeMs: number }

/** One point of the equity curve, at the close of a bar. Values in USDC. `trade`: what filled at the bar's open. */
export type EquityPoint = { timeMs: number; equity: number; hold: number; price: number; trade: 'buy' | 'sell' | null }

/** What a run comes to. `reverted`: decisions whose intents were not filled. */
export type BacktestResult = {
  decisions: number
  holds: number
  missed: number
  trades: number
  reverted: number
  feesUsdc: number
  missedBy: FaultCount[]
  unfilledBy: FaultCount[]
  equity: EquityPoint[]
}

/** Figures of a run, from its records and the bars alone: what the log does not say does not count. */
export type Tally = {
  readonly result: BacktestResult
  /** The decision of a tick as it was recorded, and its fill, if it has one. One tick after the other. */
  take(tick: number, decision: Decision, fill: Fill | null): void
}

/** Begins with what the treasury holds when the first decision is made. */
export function createTally({
  schedule,
  pair,
  feePips,
  start,
}: {
  schedule: Schedule
  pair: Pair
  feePips: number
  start: Balances
}): Tally {
  const held = new Map(Object.entries(start).map(([symbol, amount]) => [symbol, BigInt(amount)]))
  const result: BacktestResult = {
    decisions: 0,
    holds: 0,
    missed: 0,
    trades: 0,
    reverted: 0,
    feesUsdc: 0,
    missedBy: [],
    unfilledBy: [],
    equity: [],
  }
  const closeOf = (index: number) => (schedule.bars[index] as Bar).close
  const worth = (balances: Balances, at: number) => worthOf(balances, pair, at)

  function mark(timeMs: number, at: number, trade: EquityPoint['trade']): void {
    const now = Object.fromEntries([...held].map(([symbol, amount]) => [symbol, String(amount)]))
    const price = worth({ [pair.base]: String(10n ** 18n) }, at)
    result.equity.push({ timeMs, equity: worth(now, at), hold: worth(start, at), price, trade })
  }

  function filled(tick: number, { result: decided }: Decision, fill: Fill): EquityPoint['trade'] {
    if (fill.status !== 'success') {
      result.reverted++
      count(result.unfilledBy, fill.reason ?? 'not filled', tick)
      return null
    }
    for (const [symbol, change] of Object.entries(fill.changes))
      held.set(symbol, (held.get(symbol) ?? 0n) + BigInt(change))
    const at = closeOf(tick + schedule.window - 1)
    for (const intent of decided.type === 'intents' ? decided.intents : [])
      if (intent.type === 'swap')
        result.feesUsdc += worth(
          { [intent.sell]: String((BigInt(intent.amountIn) * BigInt(feePips)) / 1_000_000n) },
          at,
        )
    result.trades++
    return BigInt(fill.changes[pair.base] ?? 0) > 0n ? 'buy' : 'sell'
  }

  function count(faults: FaultCount[], reason: string, tick: number): void {
    const known = faults.find(fault => kindOf(fault.reason) === kindOf(reason))
    if (known !== undefined) known.count++
    else faults.push({ reason, count: 1, firstTick: tick, firstTimeMs: decisionTimeMs(schedule, tick) })
  }

  return {
    result,
    take(tick, decision, fill) {
      if (result.equity.length === 0) mark(decisionTimeMs(schedule, tick), closeOf(tick + schedule.window - 1), null)
      const { result: decided } = decision
      result.decisions++
      if (decided.type === 'hold') result.holds++
      if (decided.type === 'missed') {
        result.missed++
        count(result.missedBy, decided.reason, tick)
      }
      const trade = fill === null ? null : filled(tick, decision, fill)
      const index = tick + schedule.window
      const bar = schedule.bars[index] as Bar
      mark((bar.timeSeconds + schedule.intervalSeconds) * 1_000, bar.close, trade)
    },
  }
}

/** The same for reasons that differ in their figures alone; file and line at the end are none. */
function kindOf(reason: string): string {
  const place = /\s\([^()]*:\d+\)$/.exec(reason)?.[0] ?? ''
  return reason.slice(0, reason.length - place.length).replace(/\d+(?:[.,]\d+)*/g, '#') + place
}

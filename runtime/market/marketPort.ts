import type { MarketPort } from '#verifier/evidence/ports/market.ts'
import { aggregateBars, type Bar } from './bars.ts'
import type { MinuteSource } from './minutes.ts'

/** A verifier's own market data from a minute source. */
export function createMarketPort(source: MinuteSource): MarketPort {
  const byInterval = new Map<number, Map<number, Bar>>()
  const minutes = source.minutes
  return {
    description: source.simulated
      ? source.name
      : `${source.name} (${source.minutes.length} minutes, digest ${source.digest.slice(0, 12)}…)`,
    barsAt(timeSeconds, intervalSeconds) {
      let bars = byInterval.get(intervalSeconds)
      if (bars === undefined) {
        bars = new Map(aggregateBars(minutes, intervalSeconds).map(bar => [bar.timeSeconds, bar]))
        byInterval.set(intervalSeconds, bars)
      }
      const found: Bar[] = []
      for (const time of timeSeconds) {
        const bar = bars.get(time)
        if (bar === undefined) return null
        found.push(bar)
      }
      return {
        timeSeconds: [...timeSeconds],
        open: found.map(b => b.open),
        high: found.map(b => b.high),
        low: found.map(b => b.low),
        close: found.map(b => b.close),
      }
    },
    tickAt(timeSeconds) {
      // The last minute that has ended by then.
      let [low, high] = [0, minutes.length]
      while (low < high) {
        const middle = (low + high) >> 1
        if ((minutes[middle]?.timeSeconds ?? 0) + 60 <= timeSeconds) low = middle + 1
        else high = middle
      }
      return low === 0 ? null : (minutes[low - 1]?.close ?? null)
    },
  }
}

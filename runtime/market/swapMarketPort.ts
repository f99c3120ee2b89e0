import type { MarketPort } from '#verifier/evidence/ports/market.ts'
import type { SwapFeed } from './swapFeed.ts'

/** Seconds that a price must have stood before it counts as the oracle's: a push within them moves nothing. */
const SETTLED = 60

/** A verifier's own market data from a pool's Swap logs, by its own node. */
export function createSwapMarketPort(feed: SwapFeed): MarketPort {
  return {
    description: `${feed.name}, its price a minute ago: whoever holds the pool there for longer moves it`,
    async barsAt(timeSeconds, intervalSeconds) {
      const [first] = timeSeconds
      if (first === undefined || timeSeconds.some((time, i) => time !== first + i * intervalSeconds)) return null
      const bars = await feed.barsFrom(first, timeSeconds.length, intervalSeconds)
      if (bars === null) return null
      const column = (name: 'open' | 'high' | 'low' | 'close') => bars.map(bar => bar[name])
      return {
        timeSeconds: [...timeSeconds],
        ...{ open: column('open'), high: column('high'), low: column('low'), close: column('close') },
      }
    },
    tickAt: timeSeconds => feed.tickAt(timeSeconds - SETTLED),
  }
}

import type { View } from '#verifier/evidence/records/observation.ts'
import { amountAtTick } from './maths/tick.ts'

/** What a strategy sees at a tick. Amounts in token base units. */
export type Observation = {
  /** Number of the scheduled tick, from 0. */
  tick: number
  /** The tick's market time, milliseconds since 1970. */
  timeMs: number
  /** Bars as columns, oldest first; prices are pool ticks (token0 = quote token): a *higher* tick is a *cheaper* base token. */
  bars: {
    timeSeconds: readonly number[]
    open: readonly number[]
    high: readonly number[]
    low: readonly number[]
    close: readonly number[]
  }
  /** The last close. */
  priceTick: number
  /** The treasury's Uniswap v3 positions in the market's pool, by id; empty where the policy allows none. */
  positions: readonly { id: string; tickLower: number; tickUpper: number; liquidity: bigint }[]
  /** Treasury balance of a token. @throws RangeError for a symbol that the treasury does not list */
  balance(symbol: string): bigint
  /** What an amount of the base (quote) token is worth in the other at the last close, without fee or impact. */
  quoteOf(baseAmount: bigint): bigint
  baseOf(quoteAmount: bigint): bigint
}

/** The strategy's view from its recorded form. */
export function observationOf(view: View): Observation {
  const priceTick = view.bars.close.at(-1)
  if (priceTick === undefined) throw new RangeError('the observation holds no bar')
  return {
    tick: view.tick,
    timeMs: view.timeMs,
    bars: view.bars,
    priceTick,
    positions: (view.positions ?? []).map(position => ({ ...position, liquidity: BigInt(position.liquidity) })),
    balance(symbol) {
      const amount = Object.hasOwn(view.balances, symbol) ? view.balances[symbol] : undefined
      if (amount === undefined)
        throw new RangeError(`the treasury lists no ${symbol}: it has ${Object.keys(view.balances).join(', ')}`)
      return BigInt(amount)
    },
    quoteOf: amount => amountAtTick(priceTick, 'base', amount),
    baseOf: amount => amountAtTick(priceTick, 'quote', amount),
  }
}

import { z } from 'zod'
import { address, count, hex32, hexData, label, timeMs, uintString } from '../primitives.ts'

const MAX_BARS = 2_048
// One check over the whole column: thousands of numbers a second pass here, and a schema per element would cost most of it.
const column = (what: string, low: number, high: number) =>
  z.custom<number[]>(
    value =>
      Array.isArray(value) &&
      value.length <= MAX_BARS &&
      value.every(n => Number.isInteger(n) && n >= low && n <= high),
    `expected at most ${MAX_BARS} ${what}`,
  )
const ticks = column('ticks within ±887272', -887_272, 887_272)

/** Bars as columns of equal length, oldest first; prices are Uniswap ticks of the pool, `timeSeconds` is a bar's start. */
export const bars = z
  .strictObject({
    timeSeconds: column('times in seconds', 0, Number.MAX_SAFE_INTEGER),
    open: ticks,
    high: ticks,
    low: ticks,
    close: ticks,
  })
  .refine(
    b => [b.open, b.high, b.low, b.close].every(column => column.length === b.timeSeconds.length),
    'columns differ in length',
  )
export type Bars = z.infer<typeof bars>

/** What the strategy sees: the same in backtest, paper and live. */
export const view = z.strictObject({
  tick: count,
  timeMs,
  intervalSeconds: count,
  bars,
  /** Treasury balances in token base units, by symbol. */
  balances: z.record(label, uintString),
  /** The treasury's Uniswap v3 positions in the policy's pool, ascending by id; absent where the policy allows none. */
  positions: z
    .array(z.strictObject({ id: uintString, tickLower: z.int(), tickUpper: z.int(), liquidity: uintString }))
    .max(64)
    .optional(),
})
export type View = z.infer<typeof view>

export const chainRead = z.strictObject({ what: label, to: address, data: hexData, result: hexData })

/** What the strategy saw at a tick, and where it came from. */
export const observation = z.strictObject({
  view,
  provenance: z.strictObject({
    market: z.strictObject({ source: label }),
    chain: z
      .strictObject({ blockNumber: count, blockHash: hex32, timestamp: count, reads: z.array(chainRead).max(64) })
      .nullable(),
  }),
})
export type Observation = z.infer<typeof observation>

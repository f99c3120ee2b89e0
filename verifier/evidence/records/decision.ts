import { z } from 'zod'
import { address, count, digest, label, leafHash, reason, uintString } from '../primitives.ts'

const poolTick = z.int().min(-887_272).max(887_272)
const amountOf = z.strictObject({ token: label, amount: uintString })

/** What a strategy wants. Amounts in token base units; `minBuy` is the least it accepts, pool fee included. */
export const intent = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('swap'), sell: label, buy: label, amountIn: uintString, minBuy: uintString }),
  z.strictObject({ type: z.literal('transfer'), token: label, to: address, amount: uintString }),
  /** Native coins into the token that wraps them, and back. */
  z.strictObject({ type: z.literal('wrap'), token: label, amount: uintString }),
  z.strictObject({ type: z.literal('unwrap'), token: label, amount: uintString }),
  /** The same as a swap, in a Uniswap v2 pair. */
  z.strictObject({ type: z.literal('swapV2'), sell: label, buy: label, amountIn: uintString, minBuy: uintString }),
  /** A new Uniswap v3 position between two ticks. `amount`: what it may take at most, `min`: what it must take at least. */
  z.strictObject({
    type: z.literal('addLiquidity'),
    token0: label,
    token1: label,
    ...{ tickLower: poolTick, tickUpper: poolTick },
    ...{ amount0: uintString, amount1: uintString, min0: uintString, min1: uintString },
  }),
  /** Takes liquidity out of a position, and all that the pool owes it with it: at least `min` of each token. */
  z.strictObject({
    type: z.literal('removeLiquidity'),
    token0: label,
    token1: label,
    ...{ position: uintString, liquidity: uintString, min0: uintString, min1: uintString },
  }),
  /** Collects the fees of a position. */
  z.strictObject({ type: z.literal('collectFees'), token0: label, token1: label, position: uintString }),
  /**
   * A call that the policy names by target and function. Arguments as text: numbers in decimal, addresses and bytes32 in
   * hexadecimal, `true` or `false`. `spends`: what it may take at most; `gets`: what must come at least.
   */
  z
    .strictObject({
      type: z.literal('call'),
      to: address,
      function: label,
      args: z.array(z.string().max(100)).max(16),
      ...{ spends: z.array(amountOf).max(8), gets: z.array(amountOf).max(8) },
    })
    .refine(({ spends, gets }) => spends.length + gets.length > 0, 'name a token that it spends or gets, 0 if need be'),
])
export type Intent = z.infer<typeof intent>

/** One use of a door, in order: what was asked, and which record answered. */
export const doorUse = z.strictObject({
  door: z.enum(['observe', 'infer', 'chat']),
  /** What the strategy asked for: the digest of a model's input; for an observation its leaf hash. */
  asked: digest,
  answer: leafHash,
})
export type DoorUse = z.infer<typeof doorUse>

export const decisionResult = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('intents'), intents: z.array(intent).min(1).max(16), reason }),
  z.strictObject({ type: z.literal('hold'), reason }),
  z.strictObject({ type: z.literal('missed'), reason }),
])
export type DecisionResult = z.infer<typeof decisionResult>

/** What a strategy had to say for people, beside its decision. */
export const logLine = z.strictObject({
  level: z.enum(['debug', 'info', 'warn', 'error']),
  message: z.string().max(500),
  fields: z.record(z.string().min(1).max(50), z.string().max(200)),
})
export type LogLine = z.infer<typeof logLine>

/** How a scheduled tick ended: exactly one per tick. */
export const decision = z.strictObject({
  agent: label,
  tick: count,
  observation: leafHash.nullable(),
  strategy: digest,
  params: digest,
  doors: z.array(doorUse).max(1_024),
  result: decisionResult,
  /** Lines of `ctx.log`, in order; absent where there were none. Made again with the decision. */
  log: z.array(logLine).min(1).max(33).optional(),
})
export type Decision = z.infer<typeof decision>

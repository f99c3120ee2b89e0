import type { Intent as RecordedIntent } from '#verifier/evidence/records/decision.ts'
import { amountsInRange, liquidityOf } from './maths/liquidity.ts'

/** An intent with the reason that stands in the log beside it. */
export type Intent = { readonly kind: 'intent'; readonly intent: RecordedIntent; readonly reason: string }
/** The decision to do nothing, with its reason. */
export type Hold = { readonly kind: 'hold'; readonly reason: string }

export type SwapParameters = {
  /** Symbols of the market's pair. */
  sell: string
  buy: string
  /** Base units of `sell`, > 0. */
  amountIn: bigint
  /** The most that may be lost against the last close, pool fee and price impact included. 1 bps = 0.01 %. */
  maxSlippageBps: number
  reason: string
}

export type TransferParameters = { token: string; to: string; amount: bigint; reason: string }

/**
 * A swap intent. The least to receive is the value at the last close less `maxSlippageBps`, rounded up, in the
 * treasury's favour.
 *
 * @throws RangeError for an amount that is not positive, or slippage outside 0–10,000 bps
 */
export function swapIntent(
  { sell, buy, amountIn, maxSlippageBps, reason }: SwapParameters,
  worth: (amountIn: bigint) => bigint,
  type: 'swap' | 'swapV2' = 'swap',
): Intent {
  checkAmount(type, 'amountIn', amountIn)
  checkSlippage('swap', maxSlippageBps)
  const numerator = worth(amountIn) * BigInt(10_000 - maxSlippageBps)
  const minBuy = (numerator + 9_999n) / 10_000n
  return {
    kind: 'intent',
    reason,
    intent: { type, sell, buy, amountIn: String(amountIn), minBuy: String(minBuy) },
  }
}

/** A transfer intent: the policy must list the recipient. */
export function transferIntent({ token, to, amount, reason }: TransferParameters): Intent {
  checkAmount('transfer', 'amount', amount)
  return { kind: 'intent', reason, intent: { type: 'transfer', token, to: to.toLowerCase(), amount: String(amount) } }
}

export type WrapParameters = { token: string; amount: bigint; reason: string }

/** Native coins into the token that wraps them, or back. Amount in wei. @throws RangeError when it is not positive */
export function wrapIntent(type: 'wrap' | 'unwrap', { token, amount, reason }: WrapParameters): Intent {
  checkAmount(type, 'amount', amount)
  return { kind: 'intent', reason, intent: { type, token, amount: String(amount) } }
}

export type AddLiquidityParameters = {
  /** The range, ticks of the pool; its spacing divides them. */
  tickLower: number
  tickUpper: number
  /** The most that it takes of the quote token (token0) and of the base token (token1). */
  quote: bigint
  base: bigint
  /** How much less than the last close asks for either of them may be: it bounds how far the pool's price may be off. */
  maxSlippageBps: number
  reason: string
}

/** A new Uniswap v3 position in the market's pool. @throws RangeError for an empty range or amounts that make no liquidity */
export function addLiquidityIntent(
  { tickLower, tickUpper, quote, base, maxSlippageBps, reason }: AddLiquidityParameters,
  pair: { base: string; quote: string },
  priceTick: number,
): Intent {
  checkSlippage('addLiquidity', maxSlippageBps)
  if (!(tickLower < tickUpper))
    throw new RangeError(`addLiquidity: the range from ${tickLower} to ${tickUpper} is empty`)
  const liquidity = liquidityOf({ amount0: quote, amount1: base }, tickLower, tickUpper, priceTick)
  if (liquidity <= 0n) throw new RangeError(`addLiquidity: ${quote} and ${base} make no liquidity at tick ${priceTick}`)
  const fair = amountsInRange(liquidity, tickLower, tickUpper, priceTick)
  return {
    kind: 'intent',
    reason,
    intent: {
      ...{ type: 'addLiquidity', token0: pair.quote, token1: pair.base, tickLower, tickUpper },
      ...{ amount0: String(quote), amount1: String(base) },
      ...{ min0: less(fair.amount0, maxSlippageBps), min1: less(fair.amount1, maxSlippageBps) },
    },
  }
}

export type RemoveLiquidityParameters = {
  /** One of `observe().positions`. */
  position: { id: string; liquidity: bigint; tickLower: number; tickUpper: number }
  /** How much of it; all of it unless given. */
  liquidity?: bigint
  maxSlippageBps: number
  reason: string
}

/** Liquidity out of a position, and what it is owed. @throws RangeError for more than it has */
export function removeLiquidityIntent(
  { position, liquidity = position.liquidity, maxSlippageBps, reason }: RemoveLiquidityParameters,
  pair: { base: string; quote: string },
  priceTick: number,
): Intent {
  checkSlippage('removeLiquidity', maxSlippageBps)
  if (liquidity <= 0n || liquidity > position.liquidity)
    throw new RangeError(`removeLiquidity: position ${position.id} has ${position.liquidity}, not ${liquidity}`)
  const fair = amountsInRange(liquidity, position.tickLower, position.tickUpper, priceTick)
  return {
    kind: 'intent',
    reason,
    intent: {
      ...{ type: 'removeLiquidity', token0: pair.quote, token1: pair.base, position: position.id },
      ...{ liquidity: String(liquidity) },
      ...{ min0: less(fair.amount0, maxSlippageBps), min1: less(fair.amount1, maxSlippageBps) },
    },
  }
}

/** The fees of a position. */
export function collectFeesIntent(
  { position, reason }: { position: { id: string }; reason: string },
  pair: { base: string; quote: string },
): Intent {
  return {
    kind: 'intent',
    reason,
    intent: { type: 'collectFees', token0: pair.quote, token1: pair.base, position: position.id },
  }
}

export type CallParameters = {
  to: string
  /** Like `stake(uint256,address)`; the policy must name it. */
  function: string
  /** Numbers in decimal, addresses and bytes32 in hexadecimal, `true` or `false`. */
  args: readonly string[]
  /** What it may take at most, and what must come at least. `native`: wei that go with the call. */
  spends?: readonly { token: string; amount: bigint }[]
  gets?: readonly { token: string; amount: bigint }[]
  reason: string
}

/** A call that the policy names. */
export function callIntent({ to, function: name, args, spends = [], gets = [], reason }: CallParameters): Intent {
  const text = (amounts: NonNullable<CallParameters['spends']>) =>
    amounts.map(({ token, amount }) => ({ token, amount: String(amount) }))
  return {
    kind: 'intent',
    reason,
    intent: {
      ...{ type: 'call', to: to.toLowerCase(), function: name, args: [...args] },
      ...{ spends: text(spends), gets: text(gets) },
    },
  }
}

const less = (amount: bigint, bps: number) => String((amount * BigInt(10_000 - bps)) / 10_000n)

function checkAmount(intent: string, field: string, amount: bigint): void {
  if (typeof amount !== 'bigint')
    throw new TypeError(`${intent}: ${field} must be a bigint of base units, like 1_000_000n, got ${String(amount)}`)
  if (amount <= 0n) throw new RangeError(`${intent}: ${field} must be positive, got ${amount}`)
}

function checkSlippage(intent: string, maxSlippageBps: number): void {
  if (!Number.isInteger(maxSlippageBps) || maxSlippageBps < 0 || maxSlippageBps > 10_000)
    throw new RangeError(`${intent}: maxSlippageBps must be an integer from 0 to 10,000, got ${maxSlippageBps}`)
}

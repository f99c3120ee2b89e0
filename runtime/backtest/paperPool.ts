import { sqrtPriceAtTick } from '#strategies/sdk/maths/tick.ts'
import { WarrantError } from '#verifier/evidence/error.ts'

const Q96 = 1n << 96n
const MILLION = 1_000_000n
const MAX_TICK = 887_272
/** Tick spacing of Uniswap v3's fee tiers, by fee in 1e-6. */
const SPACINGS: Readonly<Record<number, number>> = { 100: 1, 500: 10, 3000: 60, 10000: 200 }
/** Positions in one word of the pool's tick bitmap. */
const WORD = 256

/** The fees of `createPaperPool`, for people. */
export const FEE_TIERS = 'Uniswap v3 has tiers of 1, 5, 30 and 100'

/** A Uniswap v3 pool with one full-range position: its swaps give, to the unit, what the real pool's give. */
export type PaperPool = {
  /** Price as after `moveTo`, or after the last swap. */
  readonly sqrtPriceX96: bigint
  moveTo(tick: number): void
  /** Output of an exact-input swap of token0 or token1, in base units; the pool moves with it. */
  swap(sell: 'token0' | 'token1', amountIn: bigint): bigint
  /** What such a swap would give, without moving the pool. */
  quote(sell: 'token0' | 'token1', amountIn: bigint): bigint
}

/**
 * The arithmetic of UniswapV3Pool.swap with SwapMath.computeSwapStep (v3-core 1.0.1), which rounds against the trader;
 * it steps at the words of the tick bitmap, as the pool does. `feePips` in 1e-6, taken from the input: one of the tiers.
 *
 * @throws BAD_INPUT for another fee
 */
export function createPaperPool({
  liquidity,
  feePips,
  tick,
}: {
  liquidity: bigint
  feePips: number
  tick: number
}): PaperPool {
  const spacing = spacingOf(feePips)
  const word = WORD * spacing
  const fee = BigInt(feePips)
  let price = sqrtPriceAtTick(tick)
  let current = tick

  /** TickBitmap.nextInitializedTickWithinOneWord where nothing is initialised. */
  function nextWord(at: number, zeroForOne: boolean): number {
    if (zeroForOne) return Math.floor(at / word) * word
    return (Math.floor((Math.floor(at / spacing) + 1) / WORD) * WORD + WORD - 1) * spacing
  }

  function run(zeroForOne: boolean, amountIn: bigint): { out: bigint; price: bigint; tick: number } {
    let [at, atTick, left, out] = [price, current, amountIn, 0n]
    while (left > 0n) {
      const next = nextWord(atTick, zeroForOne)
      if (Math.abs(next) > MAX_TICK) throw new RangeError(`the pool cannot take ${amountIn}`)
      const target = sqrtPriceAtTick(next)
      const lessFee = (left * (MILLION - fee)) / MILLION
      const toTarget = zeroForOne ? amount0(target, at, liquidity, true) : amount1(at, target, liquidity, true)
      const to =
        lessFee >= toTarget
          ? target
          : zeroForOne
            ? priceAfter0(at, liquidity, lessFee)
            : at + (lessFee * Q96) / liquidity
      const used = zeroForOne ? amount0(to, at, liquidity, true) : amount1(at, to, liquidity, true)
      out += zeroForOne ? amount1(to, at, liquidity, false) : amount0(at, to, liquidity, false)
      // Short of the target, all that is left beside the input is fee.
      left = to === target ? left - used - ceilDiv(used * fee, MILLION - fee) : 0n
      if (to === target) atTick = zeroForOne ? next - 1 : next
      else if (to !== at) atTick = zeroForOne ? tickAt(to, next, atTick) : tickAt(to, atTick, next)
      at = to
    }
    return { out, price: at, tick: atTick }
  }

  return {
    get sqrtPriceX96() {
      return price
    },
    moveTo(tickTo) {
      const to = sqrtPriceAtTick(tickTo)
      if (to === price) return
      // A swap that stops at the edge of a word going down has crossed it.
      current = to < price && tickTo % word === 0 ? tickTo - 1 : tickTo
      price = to
    },
    quote: (sell, amountIn) => run(sell === 'token0', amountIn).out,
    swap(sell, amountIn) {
      const result = run(sell === 'token0', amountIn)
      price = result.price
      current = result.tick
      return result.out
    },
  }
}

function spacingOf(feePips: number): number {
  const spacing = SPACINGS[feePips]
  if (spacing === undefined)
    throw new WarrantError('BAD_INPUT', `no pool has a fee of ${feePips / 100} bps: ${FEE_TIERS}`)
  return spacing
}

/** TickMath.getTickAtSqrtRatio, between two ticks that it lies within. */
function tickAt(price: bigint, from: number, to: number): number {
  let [low, high] = [from, to]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (sqrtPriceAtTick(middle) <= price) low = middle
    else high = middle - 1
  }
  return low
}

/** SqrtPriceMath.getAmount0Delta for a ≤ b. */
function amount0(a: bigint, b: bigint, liquidity: bigint, up: boolean): bigint {
  const numerator = (liquidity << 96n) * (b - a)
  return up ? ceilDiv(ceilDiv(numerator, b), a) : numerator / b / a
}

/** SqrtPriceMath.getAmount1Delta for a ≤ b. */
function amount1(a: bigint, b: bigint, liquidity: bigint, up: boolean): bigint {
  return up ? ceilDiv(liquidity * (b - a), Q96) : (liquidity * (b - a)) / Q96
}

/** SqrtPriceMath.getNextSqrtPriceFromAmount0RoundingUp, adding. */
function priceAfter0(price: bigint, liquidity: bigint, amount: bigint): bigint {
  if (amount === 0n) return price
  const shifted = liquidity << 96n
  return ceilDiv(shifted * price, shifted + amount * price)
}

const ceilDiv = (a: bigint, b: bigint) => (a + b - 1n) / b

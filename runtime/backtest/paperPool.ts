import { sqrtPriceAtTick } from '#strategies/sdk/maths/tick.ts'

const Q96 = 1n << 96n
const MILLION = 1_000_000n
/** Ticks that one word of the pool's tick bitmap covers, at the 0.05 % tier's spacing of 10. */
const WORD_TICKS = 2_560

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
 * it steps at the words of the tick bitmap, as the pool does. `feePips` in 1e-6, taken from the input.
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
  const fee = BigInt(feePips)
  let price = sqrtPriceAtTick(tick)
  let current = tick

  function run(zeroForOne: boolean, amountIn: bigint): { out: bigint; price: bigint; tick: number } {
    let [at, atTick, left, out] = [price, current, amountIn, 0n]
    while (left > 0n) {
      const next = nextWord(atTick, zeroForOne)
      const target = sqrtPriceAtTick(next)
      const lessFee = (left * (MILLION - fee)) / MILLION
      const toTarget = zeroForOne ? amount0(target, at, liquidity, true) : amount1(at, target, liquidity, true)
      const reached = lessFee >= toTarget
      const to = reached ? target : zeroForOne ? priceAfter0(at, liquidity, lessFee) : at + (lessFee * Q96) / liquidity
      const used = zeroForOne ? amount0(to, at, liquidity, true) : amount1(at, to, liquidity, true)
      out += zeroForOne ? amount1(to, at, liquidity, false) : amount0(at, to, liquidity, false)
      left = reached && to === target ? left - used - ceilDiv(used * fee, MILLION - fee) : 0n
      at = to
      if (reached) atTick = zeroForOne ? next - 1 : next
    }
    return { out, price: at, tick: atTick }
  }

  return {
    get sqrtPriceX96() {
      return price
    },
    moveTo(tickTo) {
      price = sqrtPriceAtTick(tickTo)
      current = tickTo
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

/** TickBitmap.nextInitializedTickWithinOneWord where nothing is initialised. */
function nextWord(tick: number, zeroForOne: boolean): number {
  return zeroForOne
    ? Math.floor(tick / WORD_TICKS) * WORD_TICKS
    : (Math.floor((Math.floor(tick / 10) + 1) / 256) * 256 + 255) * 10
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

import { ratioX128 } from './price.ts'

/** Amounts of a Uniswap v3 position's two tokens, base units. */
export type Amounts = readonly [amount0: bigint, amount1: bigint]

/** √(token1/token0) at a tick, ×2^96. The price is clamped to the position's ends: outside it holds one token only. */
function sqrtX96(tick: number): bigint {
  return squareRoot(ratioX128(tick) << 64n)
}

/** What `liquidity` between two ticks holds when the price is at `tick` (Uniswap v3 whitepaper, 6.29 and 6.30), rounded down. */
export function amountsOf(liquidity: bigint, tickLower: number, tickUpper: number, tick: number): Amounts {
  const [low, high] = [sqrtX96(tickLower), sqrtX96(tickUpper)]
  const at = sqrtX96(Math.min(Math.max(tick, tickLower), tickUpper))
  return [(((liquidity << 96n) * (high - at)) / high / at) as bigint, (liquidity * (at - low)) >> 96n]
}

/** The most liquidity that amounts give between two ticks when the price is at `tick`. */
export function liquidityFor([amount0, amount1]: Amounts, tickLower: number, tickUpper: number, tick: number): bigint {
  const [low, high] = [sqrtX96(tickLower), sqrtX96(tickUpper)]
  const at = sqrtX96(Math.min(Math.max(tick, tickLower), tickUpper))
  const by0 = at < high ? (amount0 * at * high) / ((high - at) << 96n) : null
  const by1 = at > low ? (amount1 << 96n) / (at - low) : null
  if (by0 === null) return by1 ?? 0n
  return by1 === null || by0 < by1 ? by0 : by1
}

/** Newton's method from above; the largest integer whose square is at most `value`. */
function squareRoot(value: bigint): bigint {
  if (value < 2n) return value
  let root = 1n << BigInt(Math.ceil(value.toString(2).length / 2))
  for (;;) {
    const next = (root + value / root) >> 1n
    if (next >= root) return root
    root = next
  }
}

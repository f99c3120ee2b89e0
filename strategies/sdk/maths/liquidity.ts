import { sqrtPriceAtTick } from './tick.ts'

const Q96 = 1n << 96n

/** Amounts of a pool's two tokens, base units. */
export type PoolAmounts = { amount0: bigint; amount1: bigint }

/** What `liquidity` between two ticks is made of when the pool's price is at `tick`, rounded down (Uniswap v3 whitepaper, 6.29 and 6.30). */
export function amountsInRange(liquidity: bigint, tickLower: number, tickUpper: number, tick: number): PoolAmounts {
  const [low, high] = [sqrtPriceAtTick(tickLower), sqrtPriceAtTick(tickUpper)]
  const price = sqrtPriceAtTick(clamp(tick, tickLower, tickUpper))
  return {
    amount0: (liquidity * Q96 * (high - price)) / (high * price),
    amount1: (liquidity * (price - low)) / Q96,
  }
}

/** The liquidity that at most these amounts make between two ticks when the pool's price is at `tick`, rounded down. */
export function liquidityOf(
  { amount0, amount1 }: PoolAmounts,
  tickLower: number,
  tickUpper: number,
  tick: number,
): bigint {
  const [low, high] = [sqrtPriceAtTick(tickLower), sqrtPriceAtTick(tickUpper)]
  const price = sqrtPriceAtTick(clamp(tick, tickLower, tickUpper))
  const by0 = (amount0 * high * price) / (Q96 * (high - price || 1n))
  const by1 = (amount1 * Q96) / (price - low || 1n)
  if (price === high) return by1
  return price === low || by0 < by1 ? by0 : by1
}

const clamp = (tick: number, low: number, high: number) => Math.min(Math.max(tick, low), high)

import type { Policy } from '#verifier/policy/policy.ts'
import { wordsOf } from './adapters/words.ts'
import { type Reading, resultOf } from './reading.ts'

/** What a trade would bring at the price of its pool before it, fee taken, without moving it; null for no pool of the policy. */
export function* spotOut(
  policy: Policy,
  { to, sold, bought, amountIn }: { to: string; sold: string; bought: string; amountIn: bigint },
): Reading<bigint | null> {
  const isPair = ({ router, token0, token1 }: { router: string; token0: string; token1: string }) =>
    router === to && ((token0 === sold && token1 === bought) || (token0 === bought && token1 === sold))
  function* returned(to: string, data: string, count: number) {
    return wordsOf(`0x${'0'.repeat(8)}${(yield* resultOf({ to, data })).slice(2)}`, count)
  }
  const v3 = policy.uniswapV3.find(isPair)
  if (v3 !== undefined) {
    // slot0(): the square root of token1 per token0, ×2^96
    const root = (yield* returned(v3.pool, '0x3850c7bd', 7))?.uint(0, 160)
    if (root == null || root === 0n) return null
    const paid = (amountIn * BigInt(1_000_000 - v3.feePips)) / 1_000_000n
    return v3.token0 === sold ? (paid * root * root) >> 192n : (paid << 192n) / (root * root)
  }
  const v2 = (policy.uniswapV2 ?? []).find(isPair)
  if (v2 === undefined) return null
  // getReserves()
  const words = yield* returned(v2.pair, '0x0902f1ac', 3)
  const [reserve0, reserve1] = [words?.uint(0, 112), words?.uint(1, 112)]
  if (!reserve0 || !reserve1) return null
  const paid = (amountIn * 997n) / 1_000n
  return v2.token0 === sold ? (paid * reserve1) / reserve0 : (paid * reserve0) / reserve1
}

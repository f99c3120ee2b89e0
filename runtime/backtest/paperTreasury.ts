import type { Bar, Schedule } from '#runtime/market/bars.ts'
import { amountAtTick } from '#strategies/sdk/maths/tick.ts'
import { reasonOf } from '#verifier/evidence/error.ts'
import type { DecisionResult } from '#verifier/evidence/records/decision.ts'
import { createPaperPool } from './paperPool.ts'

/** Liquidity of the paper pool: that of the devnet's, so that both fill alike. */
export const PAPER_LIQUIDITY = 1_000_000_000_000_000_000n
const START = { USDC: 60_000n * 10n ** 6n, WETH: 20n * 10n ** 18n }

export type Pair = { base: string; quote: string }

/** Balances in base units, by symbol. */
export type Balances = Record<string, string>

/** What became of a decision's intents: all or none, as one transaction would. `reason`: why nothing was filled. */
export type PaperFill = { changes: Record<string, bigint>; reason: string | null; feesUsdc: number }

/** A treasury on paper, and the pool that it trades in. */
export type PaperTreasury = {
  balances(): Balances
  /** Fills at the open of the next bar. */
  fill(tick: number, result: DecisionResult): PaperFill
  /** In USDC, at the pool's tick `at`. */
  valueAt(at: number): number
}

/** What a paper treasury begins with. */
export function startBalances(pair: Pair): Balances {
  return { [pair.quote]: String(START.USDC), [pair.base]: String(START.WETH) }
}

/** Value of balances in USDC at a tick of the pool. */
export function worthOf(balances: Balances, pair: Pair, at: number): number {
  const amount = (symbol: string) => BigInt(balances[symbol] ?? 0)
  return Number(amount(pair.quote) + amountAtTick(at, 'base', amount(pair.base))) / 1e6
}

/** A treasury with `balances` in a pool with real Uniswap v3 arithmetic, fee and price impact included. */
export function createPaperTreasury({
  schedule,
  pair,
  feePips,
  balances,
}: {
  schedule: Schedule
  pair: Pair
  feePips: number
  balances: Balances
}): PaperTreasury {
  const held = new Map(Object.entries(balances).map(([symbol, amount]) => [symbol, BigInt(amount)]))
  const bar = (index: number) => schedule.bars[index] as Bar
  const pool = createPaperPool({
    liquidity: PAPER_LIQUIDITY,
    feePips,
    tick: bar(schedule.window - 1).close,
  })
  const current = (): Balances => Object.fromEntries([...held].map(([symbol, amount]) => [symbol, String(amount)]))

  function quoted(side: 'token0' | 'token1', amountIn: bigint): bigint | string {
    try {
      return pool.quote(side, amountIn)
    } catch (error) {
      return reasonOf(error)
    }
  }

  function filled(result: DecisionResult, close: number): PaperFill {
    const changes: Record<string, bigint> = {}
    let feesUsdc = 0
    const refused = (reason: string): PaperFill => ({ changes: {}, reason, feesUsdc: 0 })
    if (result.type !== 'intents') return refused('no intents')
    for (const intent of result.intents) {
      if (intent.type !== 'swap') return refused(`only swaps fill on paper, not a ${intent.type}`)
      const amountIn = BigInt(intent.amountIn)
      const have = (held.get(intent.sell) ?? 0n) + (changes[intent.sell] ?? 0n)
      if (have < amountIn) return refused(`sells ${amountIn} ${intent.sell}, the treasury holds ${have}`)
      const side = intent.sell === pair.quote ? 'token0' : 'token1'
      const out = quoted(side, amountIn)
      if (typeof out === 'string') return refused(out)
      if (out < BigInt(intent.minBuy))
        return refused(`would buy ${out} ${intent.buy}, the least allowed is ${intent.minBuy}`)
      pool.swap(side, amountIn)
      changes[intent.sell] = (changes[intent.sell] ?? 0n) - amountIn
      changes[intent.buy] = (changes[intent.buy] ?? 0n) + out
      const feeIn = (amountIn * BigInt(feePips)) / 1_000_000n
      feesUsdc += worthOf({ [intent.sell]: String(feeIn) }, pair, close)
    }
    return { changes, reason: null, feesUsdc }
  }

  return {
    balances: current,
    fill(tick, result) {
      pool.moveTo(bar(tick + schedule.window).open)
      const fill = filled(result, bar(tick + schedule.window - 1).close)
      for (const [symbol, change] of Object.entries(fill.changes)) held.set(symbol, (held.get(symbol) ?? 0n) + change)
      return fill
    },
    valueAt: at => worthOf(current(), pair, at),
  }
}

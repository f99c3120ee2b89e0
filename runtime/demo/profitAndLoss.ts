import { amountAtTick } from '#strategies/sdk/maths/tick.ts'
import type { View } from '#verifier/evidence/records/observation.ts'

export type Holdings = Pick<View, 'balances' | 'bars'>

/** Values in USDC at the pool's price, without the fee that selling would cost. Gas is paid by the executor, not the treasury. */
export type ProfitAndLoss = {
  startUsdc: string
  endUsdc: string
  holdUsdc: string
  profitPercent: string
  versusHoldPercent: string
}

/** What a treasury gained, and what it would have by holding what it started with. */
export function profitAndLoss(start: Holdings | null, end: Holdings | null): ProfitAndLoss {
  const value = (balances: Holdings['balances'] | undefined, at: Holdings | null): bigint => {
    const tick = at?.bars.close.at(-1) ?? 0
    return BigInt(balances?.USDC ?? '0') + amountAtTick(tick, 'base', BigInt(balances?.WETH ?? '0'))
  }
  const [first, last, held] = [value(start?.balances, start), value(end?.balances, end), value(start?.balances, end)]
  const percent = (from: bigint, to: bigint) =>
    from === 0n ? '0.00' : ((Number(to - from) / Number(from)) * 100).toFixed(2)
  return {
    startUsdc: units(first),
    endUsdc: units(last),
    holdUsdc: units(held),
    profitPercent: percent(first, last),
    versusHoldPercent: percent(held, last),
  }
}

function units(microUsdc: bigint): string {
  return `${microUsdc / 1_000_000n}.${String(microUsdc % 1_000_000n)
    .padStart(6, '0')
    .slice(0, 2)}`
}

import { formatEther } from 'viem'
import type { GasCeiling } from '#verifier/policy/gasCeiling.ts'

const DAY_MS = 86_400_000

/** What was paid for gas, in wei, and when. */
export type GasPayment = { atMs: number; wei: bigint }

/** How much more the executor may pay for gas. */
export type GasBudget = {
  /** Most that a transaction may cost now, in wei, and which ceiling says so. */
  left(): { wei: bigint; because: string }
  /** That a transaction was mined, and what it cost. */
  book(wei: bigint): void
}

/**
 * Counts gas against a ceiling. `paid`: what earlier processes paid, so that a restart forgets nothing.
 *
 * @example const { wei } = createGasBudget({ ceiling: gasCeilingOf(policy), paid: [], nowMs: () => Date.now() }).left()
 */
export function createGasBudget({
  ceiling,
  paid,
  nowMs,
}: {
  ceiling: GasCeiling
  paid: readonly GasPayment[]
  nowMs(): number
}): GasBudget {
  let payments = [...paid]
  return {
    left() {
      payments = payments.filter(({ atMs }) => atMs > nowMs() - DAY_MS)
      const spent = payments.reduce((sum, { wei }) => sum + wei, 0n)
      const today = spent > ceiling.perDayWei ? 0n : ceiling.perDayWei - spent
      if (today < ceiling.perTransactionWei)
        return {
          wei: today,
          because: `${formatEther(spent)} of ${formatEther(ceiling.perDayWei)} native coins in 24 hours are spent`,
        }
      return {
        wei: ceiling.perTransactionWei,
        because: `the policy allows ${formatEther(ceiling.perTransactionWei)} native coins for one transaction`,
      }
    },
    book(wei) {
      payments.push({ atMs: nowMs(), wei })
    },
  }
}

import type { Policy } from './policy.ts'

/** What the executor's transactions may cost, in wei of the chain's native coin. */
export type GasCeiling = { perTransactionWei: bigint; perDayWei: bigint }

/** Holds where a policy says nothing: 0.1 native coins for one transaction, 1 in a day. */
const UNSAID: GasCeiling = { perTransactionWei: 10n ** 17n, perDayWei: 10n ** 18n }

/** The gas ceiling of a policy: one that says nothing has the least that serves, never none. */
export function gasCeilingOf({ limits }: Policy): GasCeiling {
  if (limits.gas === undefined) return UNSAID
  return { perTransactionWei: BigInt(limits.gas.perTransactionWei), perDayWei: BigInt(limits.gas.perDayWei) }
}

/** Whole dollars from millionths, rounded up; null beyond what a record can hold. */
export function wholeDollars(microUsd: bigint): number | null {
  const dollars = (microUsd + 999_999n) / 1_000_000n
  return dollars <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(dollars) : null
}

/** Differences of consecutive ticks: log-returns in units of ln(1.0001), exact integers. One shorter than `ticks`. */
export function returnsOf(ticks: readonly number[]): number[] {
  return ticks.slice(1).map((tick, i) => tick - (ticks[i] as number))
}

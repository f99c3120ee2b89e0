/** Exponential moving average over `length` values (smoothing 2 / (length + 1)), started at the first. NaN when empty. */
export function emaOf(values: readonly number[], length: number): number {
  const alpha = 2 / (length + 1)
  return values.slice(1).reduce((ema, value) => ema + alpha * (value - ema), values[0] ?? Number.NaN)
}

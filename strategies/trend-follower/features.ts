import { emaOf, returnsOf, volatilityOf } from '../sdk/index.ts'

/** Values in the model's input. */
export const FEATURES = 12
const HORIZONS = [1, 2, 4, 8, 16, 32, 63] as const

/**
 * The model's input from closes and extremes (ticks, oldest first, at least 64): momentum over seven horizons in units
 * of the expected move, two trend strengths, the place in the range, and the change of volatility. Positive means that
 * the base token rises; ticks fall then, because token0 is the quote.
 */
export function featuresOf({
  high,
  low,
  close,
}: {
  high: readonly number[]
  low: readonly number[]
  close: readonly number[]
}): number[] {
  const last = close.at(-1) as number
  const returns = returnsOf(close)
  const volatility = Math.max(1, volatilityOf(returns))
  const momentum = HORIZONS.map(n => ((close.at(-1 - n) as number) - last) / (volatility * Math.sqrt(n)))
  const fast = (emaOf(close, 8) - last) / (volatility * 3)
  const slow = (emaOf(close, 32) - last) / (volatility * 6)
  const cross = (emaOf(close, 32) - emaOf(close, 8)) / (volatility * 4)
  const top = Math.max(...high.slice(-48))
  const bottom = Math.min(...low.slice(-48))
  const place = 1 - (2 * (last - bottom)) / Math.max(1, top - bottom)
  const burst = volatilityOf(returns.slice(-12)) / volatility - 1
  return [...momentum, fast, slow, cross, place, burst].map(value => Math.max(-4, Math.min(4, value)))
}

/** Root mean square: the volatility of returns around zero. 0 when empty. */
export function volatilityOf(returns: readonly number[]): number {
  if (returns.length === 0) return 0
  return Math.sqrt(returns.reduce((sum, value) => sum + value * value, 0) / returns.length)
}

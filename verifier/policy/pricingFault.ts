import type { Policy } from './policy.ts'

/**
 * Why the policy's one oracle cannot price what the policy lists, or null. Its tick is that of one market, a dollar as token0
 * and the priced token as token1: whatever does not fit is unknown, never priced as another, and never worth nothing.
 *
 * @example pricingFault({ tokens: [usdc, weth, wbtc], uniswapV3 }) // 'tokens: WETH, WBTC are all priced by the oracle, …'
 */
export function pricingFault({ tokens, uniswapV3 }: Pick<Policy, 'tokens' | 'uniswapV3'>): string | null {
  const [priced, ...more] = tokens.filter(({ usd }) => usd === 'oracle')
  if (priced === undefined) return null
  if (more.length > 0)
    return `tokens: ${[priced, ...more].map(({ symbol }) => symbol).join(', ')} are all priced by the oracle, which knows the price of one market: list one of them`
  const isDollar = (address: string) => tokens.some(token => token.address === address && token.usd === 'one')
  for (const [i, { token0, token1 }] of uniswapV3.entries()) {
    if (token0 !== priced.address && token1 !== priced.address) continue
    if (token1 !== priced.address)
      return `uniswapV3.${i}: token0 is ${priced.symbol}: the oracle prices a pool whose token0 is a dollar and whose token1 is ${priced.symbol}`
    if (!isDollar(token0))
      return `uniswapV3.${i}: token0 is no listed token of one dollar: nothing prices ${priced.symbol} by it`
  }
  return null
}

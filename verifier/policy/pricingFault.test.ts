import { expect, test } from 'vitest'
import { microUsd } from '#verifier/effects/price.ts'
import type { Policy } from './policy.ts'
import { pricingFault } from './pricingFault.ts'

const address = (byte: string) => `0x${byte.repeat(20)}`
const [USDC, WETH, WBTC] = [address('a1'), address('a2'), address('a3')]
const dollar = { symbol: 'USDC', address: USDC, decimals: 6, usd: 'one' as const }
const weth = { symbol: 'WETH', address: WETH, decimals: 18, usd: 'oracle' as const }
const wbtc = { symbol: 'WBTC', address: WBTC, decimals: 8, usd: 'oracle' as const }
const pool = (token0: string, token1: string) => ({
  ...{ router: address('b1'), pool: address('b2'), token0, token1, feePips: 500 },
})
const listed = (tokens: Policy['tokens'], pools: Policy['uniswapV3']) => ({ tokens, uniswapV3: pools }) as Policy

test('a second token that the oracle should price is refused by name, and is worth nothing known: 20 WBTC for four units of USDC', () => {
  const policy = listed([dollar, weth, wbtc], [pool(USDC, WETH), pool(USDC, WBTC)])
  expect(pricingFault(policy)).toContain('tokens: WETH, WBTC are all priced by the oracle')
  expect(microUsd(policy, WBTC, 20n * 10n ** 8n, 200_000)).toBe(null)
  expect(microUsd(policy, USDC, 4n, 200_000)).toBe(4n)
})

test('a pool with the priced token first, or without a dollar, is refused', () => {
  expect(pricingFault(listed([dollar, weth], [pool(WETH, USDC)]))).toContain('uniswapV3.0: token0 is WETH')
  expect(microUsd(listed([dollar, weth], [pool(WETH, USDC)]), WETH, 10n ** 18n, 200_000)).toBe(null)
  expect(pricingFault(listed([dollar, weth], [pool(address('c1'), WETH)]))).toContain('no listed token of one dollar')
})

test('one market, at any fee, fits', () => {
  const policy = listed([dollar, weth], [pool(USDC, WETH), { ...pool(USDC, WETH), feePips: 3_000 }])
  expect(pricingFault(policy)).toBe(null)
  expect(microUsd(policy, WETH, 10n ** 18n, 200_000)).toBeGreaterThan(0n)
})

test('a pool of other tokens is no business of the oracle, and one behind it is', () => {
  const other = pool(address('c1'), address('c2'))
  expect(pricingFault(listed([dollar, weth], [other, pool(USDC, WETH)]))).toBe(null)
  expect(pricingFault(listed([dollar, weth], [other, pool(WETH, USDC)]))).toContain('uniswapV3.1: token0 is WETH')
  expect(pricingFault(listed([dollar], [other]))).toBe(null)
})

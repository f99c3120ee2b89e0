import type { Policy } from '#verifier/policy/policy.ts'
import { pricingFault } from '#verifier/policy/pricingFault.ts'
import { NATIVE } from './adapters/adapter.ts'

/** Price ratio token1/token0 in base units at a tick, ×2^128, by exponentiation of 1.0001 in fixed point (relative error < 2^-90). */
export function ratioX128(tick: number): bigint {
  const ONE = 1n << 128n
  // 1.0001 × 2^128, rounded.
  let base = (ONE * 10_001n) / 10_000n
  let result = ONE
  for (let n = Math.abs(tick); n > 0; n = Math.floor(n / 2)) {
    if (n % 2 === 1) result = (result * base) >> 128n
    base = (base * base) >> 128n
  }
  return tick < 0 ? (ONE * ONE) / result : result
}

/** What an amount of `token` is worth in millionths of a dollar at an oracle tick of the policy's market; null when the policy gives it no price. */
export function microUsd(policy: Policy, token: string, amount: bigint, oracleTick: number): bigint | null {
  // A native coin is worth what the one is that wraps it.
  if (token === NATIVE) return policy.weth === undefined ? null : microUsd(policy, policy.weth, amount, oracleTick)
  const listed = policy.tokens.find(t => t.address === token)
  if (listed === undefined) return null
  if (listed.usd === 'one') return (amount * 1_000_000n) / 10n ** BigInt(listed.decimals)
  if (pricingFault(policy) !== null) return null
  const market = policy.uniswapV3.find(m => m.token0 === token || m.token1 === token)
  if (market === undefined) return null
  const dollarAddress = market.token0 === token ? market.token1 : market.token0
  const dollar = policy.tokens.find(t => t.address === dollarAddress && t.usd === 'one')
  if (dollar === undefined) return null
  const ratio = ratioX128(oracleTick)
  const dollars = market.token1 === token ? (amount << 128n) / ratio : (amount * ratio) >> 128n
  return (dollars * 1_000_000n) / 10n ** BigInt(dollar.decimals)
}

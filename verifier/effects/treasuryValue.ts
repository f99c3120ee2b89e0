import type { View } from '#verifier/evidence/records/observation.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { amountsOf } from './liquidity.ts'
import { liquidityMarket } from './positions.ts'
import { microUsd } from './price.ts'

/** What a treasury holds in whole dollars at an oracle tick, rounded down: listed tokens and positions; what has no price counts nothing. */
export function treasuryUsd(policy: Policy, { balances, positions = [] }: View, oracleTick: number): number {
  let micro = 0n
  const worth = (token: string, amount: bigint) => microUsd(policy, token, amount, oracleTick) ?? 0n
  for (const { address, symbol } of policy.tokens) micro += worth(address, BigInt(balances[symbol] ?? '0'))
  const market = liquidityMarket(policy)
  if (market !== null)
    for (const { liquidity, tickLower, tickUpper } of positions) {
      const [amount0, amount1] = amountsOf(BigInt(liquidity), tickLower, tickUpper, oracleTick)
      micro += worth(market.token0, amount0) + worth(market.token1, amount1)
    }
  return Number(micro / 1_000_000n)
}

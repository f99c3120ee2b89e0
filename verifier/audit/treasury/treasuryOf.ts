import type { Policy } from '#verifier/policy/policy.ts'
import type { TreasuryIdentity } from './events.ts'

/** The part of a policy that names a treasury. */
export type TreasuryPolicy = Pick<Policy, 'safe' | 'module' | 'tokens' | 'uniswapV3'>

/** What a policy says of the treasury that changes are looked at for. */
export function treasuryOf({ safe, module, tokens, uniswapV3 }: TreasuryPolicy): TreasuryIdentity {
  return {
    safe,
    module,
    tokens: tokens.map(({ symbol, address, shares }) => ({ symbol, address, shares })),
    managers: [...new Set(uniswapV3.flatMap(({ positions }) => positions ?? []))],
  }
}

import type { Intent } from '#verifier/evidence/records/decision.ts'
import type { Adapter, IntentRule } from './adapter.ts'
import { erc20 } from './erc20.ts'
import { namedCall } from './namedCall.ts'
import { uniswapV2 } from './uniswapV2.ts'
import { uniswapV3 } from './uniswapV3.ts'
import { uniswapV3Liquidity } from './uniswapV3Liquidity.ts'
import { weth } from './weth.ts'

/** Every protocol that a verifier reads. A new one is a file beside these, its line here, and its counterpart in agents/build. */
export const ADAPTERS: readonly Adapter[] = [erc20, uniswapV3, uniswapV3Liquidity, uniswapV2, weth, namedCall]

/** The rule for intents of a type, or null: unknown means refused. */
export function ruleOf(type: Intent['type']): IntentRule | null {
  for (const { intents } of ADAPTERS) {
    const rule = intents[type]
    if (rule !== undefined) return rule as unknown as IntentRule
  }
  return null
}

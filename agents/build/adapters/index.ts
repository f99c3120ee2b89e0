import { WarrantError } from '#verifier/evidence/error.ts'
import type { Intent } from '#verifier/evidence/records/decision.ts'
import type { BuildAdapter, IntentEncoder } from './adapter.ts'
import { erc20 } from './erc20.ts'
import { namedCall } from './namedCall.ts'
import { uniswapV2 } from './uniswapV2.ts'
import { uniswapV3 } from './uniswapV3.ts'
import { uniswapV3Liquidity } from './uniswapV3Liquidity.ts'
import { weth } from './weth.ts'

const ADAPTERS: readonly BuildAdapter[] = [erc20, uniswapV3, uniswapV3Liquidity, uniswapV2, weth, namedCall]

/** The encoder for intents of a type. @throws BAD_INPUT where no adapter knows it */
export function encoderOf(type: Intent['type']): IntentEncoder {
  for (const adapter of ADAPTERS) {
    const encoder = adapter[type]
    if (encoder !== undefined) return encoder as unknown as IntentEncoder
  }
  throw new WarrantError('BAD_INPUT', `no adapter encodes a ${type}`)
}

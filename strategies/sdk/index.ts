// The package's public door for strategy plugins: `import { defineStrategy, z } from 'warrant/sdk'`.
export { z } from 'zod'
export { type Context, defineStrategy, type Strategy, type StrategyParameters } from './defineStrategy.ts'
export { emaOf } from './indicators/ema.ts'
export { returnsOf } from './indicators/returns.ts'
export { volatilityOf } from './indicators/volatility.ts'
export type {
  AddLiquidityParameters,
  CallParameters,
  Hold,
  Intent,
  RemoveLiquidityParameters,
  SwapParameters,
  TransferParameters,
  WrapParameters,
} from './intent.ts'
export { exp, log, pow, tanh } from './maths/elementary.ts'
export { amountsInRange, liquidityOf, type PoolAmounts } from './maths/liquidity.ts'
export { amountAtTick, sqrtPriceAtTick } from './maths/tick.ts'
export type { Observation } from './observation.ts'

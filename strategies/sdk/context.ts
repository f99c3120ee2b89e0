import type { LogLine } from '#verifier/evidence/records/decision.ts'
import type { View } from '#verifier/evidence/records/observation.ts'
import type { ModelInput } from '#verifier/evidence/records/request.ts'
import { float32Tensor, float32Values } from '#verifier/evidence/tensor.ts'
import type { Context } from './defineStrategy.ts'
import {
  addLiquidityIntent,
  callIntent,
  collectFeesIntent,
  type Intent,
  removeLiquidityIntent,
  type SwapParameters,
  swapIntent,
  transferIntent,
  wrapIntent,
} from './intent.ts'
import { logLineOf } from './logLine.ts'
import { observationOf } from './observation.ts'

/** The recorded doors, as the host answers them. */
export type ContextDoors = {
  observe(): Promise<View>
  infer(model: string, input: ModelInput): Promise<ModelInput>
  log(line: LogLine): void
}

export type CreateContextParameters<Params> = {
  params: Params
  pair: { base: string; quote: string }
  models: readonly { name: string }[]
  doors: ContextDoors
}

/** The context of one decision over its doors: the same code in tests, backtest, live and replay. */
export function createContext<Params>({
  params,
  pair,
  models,
  doors,
}: CreateContextParameters<Params>): Context<Params> {
  let seen: ReturnType<typeof observationOf> | null = null
  const declared = (model: string) => {
    if (!models.some(m => m.name === model)) throw new Error(`the strategy declares no model ${model}`)
  }
  function observed(intent: string): ReturnType<typeof observationOf> {
    if (seen === null) throw new Error(`${intent}: observe first: its limit comes from the price observed`)
    return seen
  }
  function swap(type: 'swap' | 'swapV2', parameters: SwapParameters): Intent {
    const { sell, buy } = parameters
    const at = observed(type)
    if (sell === pair.base && buy === pair.quote) return swapIntent(parameters, at.quoteOf, type)
    if (sell === pair.quote && buy === pair.base) return swapIntent(parameters, at.baseOf, type)
    throw new RangeError(`${type}: ${sell} for ${buy} is not the market's pair ${pair.base}/${pair.quote}`)
  }
  return {
    params,
    async observe() {
      seen = observationOf(await doors.observe())
      return seen
    },
    async infer(model, input, shape = [1, input.length]) {
      declared(model)
      const output = await doors.infer(model, { type: 'tensor', tensor: float32Tensor(input, shape) })
      if (output.type !== 'tensor') throw new Error(`${model} did not answer with a tensor`)
      return float32Values(output.tensor)
    },
    async chat(model, body) {
      declared(model)
      const output = await doors.infer(model, { type: 'chat', body: JSON.stringify(body) })
      if (output.type !== 'chat') throw new Error(`${model} did not answer a chat`)
      return JSON.parse(output.body)
    },
    intent: {
      swap: parameters => swap('swap', parameters),
      swapV2: parameters => swap('swapV2', parameters),
      addLiquidity: parameters => addLiquidityIntent(parameters, pair, observed('addLiquidity').priceTick),
      removeLiquidity: parameters => removeLiquidityIntent(parameters, pair, observed('removeLiquidity').priceTick),
      collectFees: parameters => collectFeesIntent(parameters, pair),
      call: callIntent,
      transfer: transferIntent,
      wrap: parameters => wrapIntent('wrap', parameters),
      unwrap: parameters => wrapIntent('unwrap', parameters),
    },
    hold: reason => ({ kind: 'hold', reason }),
    log: (level, message, fields = {}) => doors.log(logLineOf(level, message, fields)),
  }
}

// The test kit, `import { decideOnce } from 'warrant/testing'`: a strategy's decision without a chain, a gateway or a model.
import type { z } from 'zod'
import type { DecisionResult } from '#verifier/evidence/records/decision.ts'
import type { View } from '#verifier/evidence/records/observation.ts'
import type { ModelInput } from '#verifier/evidence/records/request.ts'
import { float32Tensor, float32Values } from '#verifier/evidence/tensor.ts'
import { createContext } from './context.ts'
import type { Strategy } from './defineStrategy.ts'
import { resultOf } from './sandboxEntry.ts'

export type DecideOnceParameters<Schema extends z.ZodType> = {
  /** Parameters; the schema's defaults fill the rest. */
  params?: z.input<Schema>
  /** Closing ticks of the window, oldest first; a single number stands for a flat market. */
  closes: readonly number[] | number
  /** Balances in base units, by symbol. */
  balances: Record<string, bigint>
  /** What the models answer, by name: fixed values, or a function of the input. */
  models?: Record<string, readonly number[] | ((input: number[]) => readonly number[])>
}

/**
 * One decision of a strategy on a market and a treasury of your making.
 *
 * @example
 * const result = await decideOnce(strategy, { closes: 200_000, balances: { USDC: 1_000_000n, WETH: 0n } })
 * assert.equal(result.type, 'hold')
 */
export async function decideOnce<Schema extends z.ZodType>(
  strategy: Strategy<Schema>,
  { params = {} as z.input<Schema>, closes, balances, models = {} }: DecideOnceParameters<Schema>,
): Promise<DecisionResult> {
  const { intervalSeconds, window, pair } = strategy.market
  const close = typeof closes === 'number' ? Array.from({ length: window }, () => closes) : [...closes]
  if (close.length !== window)
    throw new RangeError(`closes: the strategy's window is ${window} bars, got ${close.length}`)
  const open = [close[0] as number, ...close.slice(0, -1)]
  const view: View = {
    tick: 0,
    timeMs: window * intervalSeconds * 1_000,
    intervalSeconds,
    bars: {
      timeSeconds: close.map((_, i) => i * intervalSeconds),
      open,
      high: close.map((tick, i) => Math.max(tick, open[i] as number)),
      low: close.map((tick, i) => Math.min(tick, open[i] as number)),
      close,
    },
    balances: Object.fromEntries(Object.entries(balances).map(([symbol, amount]) => [symbol, String(amount)])),
  }
  const context = createContext({
    params: strategy.params.parse(params),
    pair,
    models: strategy.models ?? [],
    doors: {
      observe: async () => view,
      async infer(model, input): Promise<ModelInput> {
        const answer = models[model]
        if (answer === undefined || input.type !== 'tensor')
          throw new Error(`the test gives no answers for model ${model}`)
        const values = typeof answer === 'function' ? answer(float32Values(input.tensor)) : answer
        return { type: 'tensor', tensor: float32Tensor(values, [1, values.length]) }
      },
      // Lines are for people who run a strategy; a test looks at what it decides.
      log() {},
    },
  })
  return resultOf(await strategy.decide(context))
}

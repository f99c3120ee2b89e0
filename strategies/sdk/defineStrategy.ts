import type { z } from 'zod'
import type { LogLine } from '#verifier/evidence/records/decision.ts'
import type {
  AddLiquidityParameters,
  CallParameters,
  Hold,
  Intent,
  RemoveLiquidityParameters,
  SwapParameters,
  TransferParameters,
  WrapParameters,
} from './intent.ts'
import type { Observation } from './observation.ts'

/** A strategy's only doors to the world. Each use of observe, infer and chat is recorded, in order. */
export type Context<Params> = {
  readonly params: Params
  /** What the market and the treasury look like at this tick. */
  observe(): Promise<Observation>
  /**
   * Runs one of the declared models on a float32 input, through the gateway; the answer comes back with a receipt.
   *
   * @throws Error when the request failed or timed out: it is on record, and a strategy should hold
   */
  infer(model: string, input: readonly number[], shape?: readonly number[]): Promise<number[]>
  /** Asks a declared chat model. `body` is an OpenAI-compatible request; the answer is the response's JSON. */
  chat(model: string, body: Record<string, unknown>): Promise<unknown>
  readonly intent: {
    swap(parameters: SwapParameters): Intent
    /** The same in the treasury's Uniswap v2 pair. */
    swapV2(parameters: SwapParameters): Intent
    /** A new position in the market's Uniswap v3 pool; it belongs to the treasury. */
    addLiquidity(parameters: AddLiquidityParameters): Intent
    removeLiquidity(parameters: RemoveLiquidityParameters): Intent
    collectFees(parameters: { position: { id: string }; reason: string }): Intent
    transfer(parameters: TransferParameters): Intent
    /** A call that the policy names by target and function. */
    call(parameters: CallParameters): Intent
    /** Native coins into the token that wraps them, and back. */
    wrap(parameters: WrapParameters): Intent
    unwrap(parameters: WrapParameters): Intent
  }
  hold(reason: string): Hold
  /**
   * A line for people: on the console of whoever runs the strategy, and in the decision's record, up to 32 lines and 8,000
   * characters a decision. Fields are kept as text.
   */
  log(level: LogLine['level'], message: string, fields?: Readonly<Record<string, unknown>>): void
}

export type StrategyParameters<Schema extends z.ZodType> = {
  name: string
  version: string
  /** Parameters with their defaults; their digest stands in the log. */
  params: Schema
  market: {
    pair: { base: string; quote: string }
    /** Length of a bar, and the schedule: one decision per bar. A multiple of 60. */
    intervalSeconds: number
    /** Bars in each observation. */
    window: number
  }
  /** Models by the names that `ctx.infer` uses; the run binds each to a file by digest. */
  models?: readonly { name: string }[]
  /**
   * One decision. Must depend on nothing but `ctx`: it is run again by the verifier and in every replay, in a sandbox
   * without clock, randomness, network or files.
   */
  decide(ctx: Context<z.infer<Schema>>): Promise<Intent | readonly Intent[] | Hold>
}

export type Strategy<Schema extends z.ZodType = z.ZodType> = StrategyParameters<Schema> & {
  readonly kind: 'warrant-strategy'
}

/**
 * Declares a strategy plugin; export it as the module's default.
 *
 * @example
 * export default defineStrategy({
 *   name: 'buy-the-dip', version: '1.0.0',
 *   params: z.object({ dipTicks: z.int().default(100) }),
 *   market: { pair: { base: 'WETH', quote: 'USDC' }, intervalSeconds: 3600, window: 24 },
 *   async decide(ctx) {
 *     const seen = await ctx.observe()
 *     const rise = seen.priceTick - (seen.bars.close[0] ?? 0)
 *     if (rise < ctx.params.dipTicks) return ctx.hold('no dip')
 *     const amountIn = seen.balance('USDC') / 10n
 *     return ctx.intent.swap({ sell: 'USDC', buy: 'WETH', amountIn, maxSlippageBps: 50, reason: `dip of ${rise} ticks` })
 *   },
 * })
 */
export function defineStrategy<Schema extends z.ZodType>(parameters: StrategyParameters<Schema>): Strategy<Schema> {
  const { intervalSeconds, window } = parameters.market
  if (!Number.isInteger(intervalSeconds) || intervalSeconds < 60 || intervalSeconds % 60 !== 0) {
    throw new RangeError(`${parameters.name}: market.intervalSeconds must be a multiple of 60, got ${intervalSeconds}`)
  }
  if (!Number.isInteger(window) || window < 1 || window > 2_048) {
    throw new RangeError(`${parameters.name}: market.window must be 1 to 2,048, got ${window}`)
  }
  return { kind: 'warrant-strategy', ...parameters }
}

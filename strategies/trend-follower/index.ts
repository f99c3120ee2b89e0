import { defineStrategy, z } from '../sdk/index.ts'
import { featuresOf } from './features.ts'

/** Follows the trend that a small network sees: into the base token when it expects a rise, out when it expects a fall. */
export default defineStrategy({
  name: 'trend-follower',
  version: '1.0.0',
  params: z.strictObject({
    /** Forecast, in units of the expected four-hour move, from which it enters or leaves. */
    threshold: z.number().min(0).max(5).default(0.1),
    /** Most of the treasury's value that one trade moves, bps. */
    tradeBps: z.int().min(1).max(10_000).default(2_000),
    /** Trades below this share of the treasury are not worth the fee, bps. */
    minTradeBps: z.int().min(0).max(10_000).default(300),
    maxSlippageBps: z.int().min(1).max(1_000).default(60),
  }),
  market: { pair: { base: 'WETH', quote: 'USDC' }, intervalSeconds: 900, window: 64 },
  models: [{ name: 'trend' }],
  async decide(ctx) {
    const { threshold, tradeBps, minTradeBps, maxSlippageBps } = ctx.params
    const seen = await ctx.observe()
    const [forecast = Number.NaN] = await ctx.infer('trend', featuresOf(seen.bars))
    const shown = forecast.toFixed(3)
    if (!(Math.abs(forecast) >= threshold)) return ctx.hold(`forecast ${shown} is within ±${threshold}`)

    const base = seen.balance('WETH')
    const quote = seen.balance('USDC')
    const total = quote + seen.quoteOf(base)
    const most = (total * BigInt(tradeBps)) / 10_000n
    const least = (total * BigInt(minTradeBps)) / 10_000n
    if (forecast > 0) {
      const amountIn = quote < most ? quote : most
      if (amountIn <= least) return ctx.hold(`forecast ${shown}: already in WETH`)
      return ctx.intent.swap({ sell: 'USDC', buy: 'WETH', amountIn, maxSlippageBps, reason: `forecast ${shown}: buy` })
    }
    const worth = seen.quoteOf(base)
    if (worth <= least) return ctx.hold(`forecast ${shown}: already in USDC`)
    const amountIn = worth <= most ? base : seen.baseOf(most)
    return ctx.intent.swap({ sell: 'WETH', buy: 'USDC', amountIn, maxSlippageBps, reason: `forecast ${shown}: sell` })
  },
})

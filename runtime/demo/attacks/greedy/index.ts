import { defineStrategy, z } from '../../../../strategies/sdk/index.ts'

/** Always sells all of whatever the treasury holds more of: what no policy of this treasury allows. */
export default defineStrategy({
  name: 'greedy',
  version: '1.0.0',
  params: z.strictObject({}),
  market: { pair: { base: 'WETH', quote: 'USDC' }, intervalSeconds: 900, window: 64 },
  async decide(ctx) {
    const seen = await ctx.observe()
    const [weth, usdc] = [seen.balance('WETH'), seen.balance('USDC')]
    const reason = 'all of it'
    return seen.quoteOf(weth) > usdc
      ? ctx.intent.swap({ sell: 'WETH', buy: 'USDC', amountIn: weth, maxSlippageBps: 60, reason })
      : ctx.intent.swap({ sell: 'USDC', buy: 'WETH', amountIn: usdc, maxSlippageBps: 60, reason })
  },
})

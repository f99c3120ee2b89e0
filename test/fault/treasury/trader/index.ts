import { defineStrategy, z } from '../../../../strategies/sdk/index.ts'

/** Trades a little at every tick, to and fro: something is always under way when its process is killed. */
export default defineStrategy({
  name: 'crash-trader',
  version: '1.0.0',
  params: z.strictObject({ maxSlippageBps: z.int().default(90) }),
  market: { pair: { base: 'WETH', quote: 'USDC' }, intervalSeconds: 900, window: 8 },
  models: [],
  async decide(ctx) {
    const seen = await ctx.observe()
    const sell = seen.balance('USDC') > 55_000_000_000n ? 'USDC' : 'WETH'
    const amountIn = sell === 'USDC' ? 900_000_000n : seen.baseOf(900_000_000n)
    return ctx.intent.swap({
      sell,
      buy: sell === 'USDC' ? 'WETH' : 'USDC',
      amountIn,
      maxSlippageBps: ctx.params.maxSlippageBps,
      reason: 'to and fro',
    })
  },
})

import { defineStrategy, z } from '../sdk/index.ts'

/** Keeps a fixed share of the treasury's value in the base token. No model: a rule that anyone can check by hand. */
export default defineStrategy({
  name: 'treasury-rebalancer',
  version: '1.0.0',
  params: z.strictObject({
    /** Share of the value held in the base token, bps. */
    targetBps: z.int().min(0).max(10_000).default(5_000),
    /** Drift of that share from which it trades, bps. */
    bandBps: z.int().min(1).max(5_000).default(200),
    maxSlippageBps: z.int().min(1).max(1_000).default(60),
  }),
  market: { pair: { base: 'WETH', quote: 'USDC' }, intervalSeconds: 3_600, window: 2 },
  async decide(ctx) {
    const { targetBps, bandBps, maxSlippageBps } = ctx.params
    const seen = await ctx.observe()
    const quote = seen.balance('USDC')
    const baseWorth = seen.quoteOf(seen.balance('WETH'))
    const total = quote + baseWorth
    if (total === 0n) return ctx.hold('the treasury is empty')
    const shareBps = Number((baseWorth * 10_000n) / total)
    if (Math.abs(shareBps - targetBps) < bandBps)
      return ctx.hold(`${shareBps} bps in WETH: within ${bandBps} of ${targetBps}`)
    const excess = baseWorth - (total * BigInt(targetBps)) / 10_000n
    const reason = `${shareBps} bps in WETH, target ${targetBps}`
    return excess > 0n
      ? ctx.intent.swap({ sell: 'WETH', buy: 'USDC', amountIn: seen.baseOf(excess), maxSlippageBps, reason })
      : ctx.intent.swap({ sell: 'USDC', buy: 'WETH', amountIn: -excess, maxSlippageBps, reason })
  },
})

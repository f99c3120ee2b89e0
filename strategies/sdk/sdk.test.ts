import fc from 'fast-check'
import { describe, expect, expectTypeOf, test } from 'vitest'
import rebalancer from '../treasury-rebalancer/index.ts'
import trend from '../trend-follower/index.ts'
import { type Context, defineStrategy, z } from './index.ts'
import { exp, log, pow, tanh } from './maths/elementary.ts'
import { amountAtTick, sqrtPriceAtTick } from './maths/tick.ts'
import { decideOnce } from './testing.ts'

describe('deterministic maths', () => {
  test('exp, log, pow, tanh agree with Math to the last digits', () => {
    const close = (a: number, b: number): void => {
      expect(Math.abs(a - b)).toBeLessThanOrEqual(1e-13 * Math.max(1e-300, Math.abs(b)))
    }
    const between = (min: number, max: number) => fc.double({ min, max, noNaN: true })
    fc.assert(fc.property(between(-700, 700), x => close(exp(x), Math.exp(x))))
    // Near 1 the logarithm is near 0, where a relative error says nothing.
    fc.assert(fc.property(fc.oneof(between(1e-300, 0.99), between(1.01, 1e300)), x => close(log(x), Math.log(x))))
    fc.assert(fc.property(between(0.01, 100), between(-20, 20), (x, y) => close(pow(x, y), x ** y)))
    fc.assert(fc.property(between(0.1, 25), x => close(tanh(x), Math.tanh(x))))
    expect([exp(0), exp(-800), exp(800), log(1), log(0), log(-1), tanh(30), tanh(-30)]).toEqual([
      1,
      0,
      Number.POSITIVE_INFINITY,
      0,
      Number.NEGATIVE_INFINITY,
      Number.NaN,
      1,
      -1,
    ])
  })
  test('ticks: the bounds of Uniswap, and a price that anyone can check', () => {
    expect(sqrtPriceAtTick(-887_272)).toBe(4295128739n)
    expect(sqrtPriceAtTick(887_272)).toBe(1461446703485210103287273052203988822378723970342n)
    expect(sqrtPriceAtTick(0)).toBe(2n ** 96n)
    expect(() => sqrtPriceAtTick(887_273)).toThrow(RangeError)
    // 1.0001^-202789 × 10^12 ≈ 1,562 USDC for one WETH.
    expect(Number(amountAtTick(202_789, 'base', 10n ** 18n)) / 1e6).toBeCloseTo(1e12 / 1.0001 ** 202_789, 2)
  })
})

describe('the test kit and the built-in strategies', () => {
  const balances = { USDC: 50_000_000_000n, WETH: 25n * 10n ** 18n }
  test('trend-follower follows the forecast, within its trade size', async () => {
    const flat = { closes: 200_000, balances }
    expect((await decideOnce(trend, { ...flat, models: { trend: [0.01] } })).type).toBe('hold')
    const up = await decideOnce(trend, { ...flat, models: { trend: [1] } })
    const down = await decideOnce(trend, { ...flat, models: { trend: [-1] } })
    expect(up).toMatchObject({ type: 'intents', intents: [{ sell: 'USDC', buy: 'WETH' }] })
    expect(down).toMatchObject({ type: 'intents', intents: [{ sell: 'WETH', buy: 'USDC' }] })
    expect((await decideOnce(trend, { ...flat, models: { trend: [Number.NaN] } })).type).toBe('hold')
    const sized = await decideOnce(trend, {
      ...flat,
      params: { tradeBps: 100, minTradeBps: 0 },
      models: { trend: [1] },
    })
    const total = 50_000_000_000n + amountAtTick(200_000, 'base', balances.WETH)
    expect(sized.type === 'intents' && sized.intents[0]?.type === 'swap' && BigInt(sized.intents[0].amountIn)).toBe(
      total / 100n,
    )
  })
  test('treasury-rebalancer trades back to its target, and only outside of its band', async () => {
    const worth = amountAtTick(200_000, 'base', balances.WETH)
    expect(
      (await decideOnce(rebalancer, { closes: 200_000, balances: { USDC: worth, WETH: balances.WETH } })).type,
    ).toBe('hold')
    const result = await decideOnce(rebalancer, {
      closes: 200_000,
      balances: { USDC: worth * 3n, WETH: balances.WETH },
    })
    expect(result).toMatchObject({ type: 'intents', intents: [{ sell: 'USDC', amountIn: String(worth) }] })
  })
  test('mistakes are said where they are made', async () => {
    const bad = (decide: (ctx: Context<unknown>) => Promise<never>) =>
      decideOnce(
        defineStrategy({
          name: 'x',
          version: '1',
          params: z.object({}),
          market: { pair: { base: 'WETH', quote: 'USDC' }, intervalSeconds: 60, window: 1 },
          decide,
        }),
        { closes: 0, balances: {} },
      )
    const swap = { sell: 'USDC', buy: 'WETH', amountIn: 1n, maxSlippageBps: 1, reason: 'x' }
    await expect(bad(async ctx => ctx.intent.swap(swap) as never)).rejects.toThrow('observe first')
    await expect(
      bad(async ctx => {
        await ctx.observe()
        return ctx.intent.swap({ ...swap, buy: 'DAI' }) as never
      }),
    ).rejects.toThrow("not the market's pair")
    await expect(
      bad(async ctx => {
        await ctx.observe()
        return ctx.intent.swap({ ...swap, amountIn: 0n }) as never
      }),
    ).rejects.toThrow('amountIn must be positive')
    await expect(
      bad(async ctx => {
        await ctx.observe()
        return ctx.intent.swap({ ...swap, maxSlippageBps: 1.5 }) as never
      }),
    ).rejects.toThrow('maxSlippageBps')
    await expect(
      bad(async ctx => {
        ;(await ctx.observe()).balance('DAI')
        return ctx.hold('x') as never
      }),
    ).rejects.toThrow('lists no DAI')
    await expect(bad(async ctx => (await ctx.infer('nothing', [1])) as never)).rejects.toThrow(
      'declares no model nothing',
    )
    expect(() =>
      defineStrategy({
        name: 'x',
        version: '1',
        params: z.object({}),
        market: { pair: { base: 'A', quote: 'B' }, intervalSeconds: 61, window: 1 },
        decide: async ctx => ctx.hold(''),
      }),
    ).toThrow('multiple of 60')
  })
  test('parameters are typed end to end', () => {
    defineStrategy({
      name: 'typed',
      version: '1',
      params: z.object({ size: z.number() }),
      market: { pair: { base: 'A', quote: 'B' }, intervalSeconds: 60, window: 1 },
      async decide(ctx) {
        expectTypeOf(ctx.params).toEqualTypeOf<{ size: number }>()
        return ctx.hold('typed')
      },
    })
  })
})

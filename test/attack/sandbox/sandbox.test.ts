import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { bundleStrategy } from '#agents/sandbox/bundleStrategy.ts'
import { createSandbox } from '#agents/sandbox/createSandbox.ts'
import { DEFAULT_LIMITS } from '#agents/sandbox/limits.ts'
import { startBalances } from '#runtime/backtest/paperTreasury.ts'
import { openScout } from '#runtime/backtest/scout/openScout.ts'
import { scheduleOf } from '#runtime/market/bars.ts'
import { viewAt } from '#runtime/market/observer.ts'
import { simulateMinutes } from '#runtime/market/simulate.ts'
import { loadStrategy, STRATEGIES } from '#runtime/run/openRun.ts'
import { ATTACKS, attackBody } from './tries.ts'

const root = mkdtempSync(join(tmpdir(), 'warrant-escape-'))
afterAll(() => rmSync(root, { recursive: true }))
const pair = { base: 'WETH', quote: 'USDC' }
const source = simulateMinutes({ seed: 'escape', minutes: 300 })
const schedule = scheduleOf(source, { intervalSeconds: 60, window: 4, decisions: ATTACKS.length })
/** Stacks are deep: each try gets the time that a loaded machine needs. */
const limits = { ...DEFAULT_LIMITS, decisionMs: 30_000 }

/** One strategy that makes the n-th try at tick n. */
function hostile(): string {
  const dir = join(root, 'hostile')
  mkdirSync(dir)
  copyFileSync(join(STRATEGIES, 'trend-follower', 'model.onnx'), join(dir, 'model.onnx'))
  const module = join(dir, 'index.ts')
  writeFileSync(
    module,
    `// @ts-nocheck
import { defineStrategy, z } from 'warrant/sdk'
const tries = [${ATTACKS.map(name => `async ctx => { ${attackBody(name)} }`).join(',\n')}]
export default defineStrategy({
  name: 'hostile', version: '1', params: z.strictObject({}), models: [{ name: 'm' }],
  market: { pair: { base: 'WETH', quote: 'USDC' }, intervalSeconds: 60, window: 4 },
  async decide(ctx) { const { tick } = await ctx.observe(); return tries[tick](ctx) },
})`,
  )
  return module
}
const module = hostile()

/** What a try may come to: it holds nothing, or it broke a limit and its tick is missed. */
const held = (tick: number, found: unknown) =>
  expect({ try: ATTACKS[tick], found }).toEqual({
    try: ATTACKS[tick],
    found: expect.stringMatching(/^(nothing|broke a limit: )/),
  })

describe('whatever a lent function throws, at the edge of the stack or of memory, a strategy holds nothing of the host', () => {
  test('in the thread of a backtest', async () => {
    const { bundle, params, models, sandboxed } = await loadStrategy(module, {})
    await sandboxed.close()
    const scout = await openScout(bundle.bytes, params, limits)
    try {
      scout.explore({ models, schedule, pair, feePips: 500 } as never, startBalances(pair))
      for (let tick = 0; tick < ATTACKS.length; tick++) {
        const { decided } = await scout.next(startBalances(pair))
        held(
          tick,
          'result' in decided && decided.result.type === 'hold'
            ? decided.result.reason
            : `broke a limit: ${JSON.stringify(decided)}`,
        )
      }
    } finally {
      await scout.close()
    }
  })

  test('in the process of a live run', async () => {
    const { bytes } = await bundleStrategy(module)
    const strategy = await createSandbox(limits).load(bytes, '{}')
    for (let tick = 0; tick < ATTACKS.length; tick++) {
      const made = await strategy
        .decide({
          view: viewAt(schedule, tick, startBalances(pair)),
          infer: async () => ({ type: 'tensor', tensor: { dtype: 'float32', shape: [1], data: 'AACAPw==' } }),
        })
        .then(({ result }) => (result.type === 'hold' ? result.reason : result.type))
        .catch(error => `broke a limit: ${error}`)
      held(tick, made)
    }
    await strategy.close()
  })
})

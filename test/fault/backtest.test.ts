import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { chartPage } from '#runtime/backtest/chartPage.ts'
import { summarize } from '#runtime/backtest/summarize.ts'
import { createTally } from '#runtime/backtest/tally.ts'
import { backtest } from '#runtime/cli/lib/backtest.ts'
import { compareRuns } from '#runtime/cli/lib/compareRuns.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { scheduleOf } from '#runtime/market/bars.ts'
import { simulateMinutes } from '#runtime/market/simulate.ts'
import { STRATEGIES } from '#runtime/run/openRun.ts'
import { verifyLog } from '#verifier/audit/verifyLog.ts'
import type { LogLine } from '#verifier/evidence/records/decision.ts'
import { parseVkey } from '#verifier/log/signedNote.ts'

const root = mkdtempSync(join(tmpdir(), 'warrant-fault-'))
afterAll(() => rmSync(root, { recursive: true }))
let strategies = 0

function strategy(body: string, window = 4): string {
  const dir = join(root, `strategy-${strategies++}`)
  mkdirSync(dir)
  copyFileSync(join(STRATEGIES, 'trend-follower', 'model.onnx'), join(dir, 'model.onnx'))
  const module = join(dir, 'index.ts')
  writeFileSync(
    module,
    `import { defineStrategy, z } from 'warrant/sdk'
export default defineStrategy({
  name: 'faulty', version: '1', params: z.strictObject({ limit: z.int().default(1) }), models: [{ name: 'm' }],
  market: { pair: { base: 'WETH', quote: 'USDC' }, intervalSeconds: 60, window: ${window} },
  async decide(ctx) { const seen = await ctx.observe()
${body}
return ctx.hold('quiet') } })`,
  )
  return module
}

const lines: { tick: number; lines: readonly LogLine[] }[] = []
const listener = {
  onTick: () => {},
  onLog: (tick: number, told: readonly LogLine[]) => void lines.push({ tick, lines: told }),
}
const run = (module: string, options: object = {}) =>
  backtest(module, { feeBps: '5', seed: 'faults', maxMissed: '0', decisions: '20', ...options }, listener)

/** Every half of what a strategy may answer that no record can hold. */
const NONSENSE = `
if (seen.tick === 2) return ctx.hold('a\\ud800b')
if (seen.tick === 3) return ctx.intent.swap({ sell: 'USDC', buy: 'WETH', amountIn: 1.5 as never, maxSlippageBps: 50, reason: 'x' })
if (seen.tick === 4) { const [v] = await ctx.infer('m', Array.from({ length: 12 }, () => NaN)); return ctx.hold('v ' + BigInt(Number(v))) }
if (seen.tick === 5) throw new Error('\\udc00 half')
if (seen.tick === 6) return { kind: 'intent', reason: 'x', intent: { type: 'swap', sell: 'USDC', buy: 'WETH', amountIn: '1.5', minBuy: '1' } } as never
if (seen.tick === 7) { ctx.log('info', 'looking \\ud800', { tick: seen.tick, part: 0.5, big: 3n }); throw new Error('not at 7') }
if (seen.tick === 8) return ctx.intent.swap({ sell: 'USDC', buy: 'WETH', amountIn: 10n ** 30n, maxSlippageBps: 50, reason: 'too much' })
if (seen.tick === 9) return ctx.intent.swap({ sell: 'USDC', buy: 'WETH', amountIn: 10n ** 31n, maxSlippageBps: 50, reason: 'too much' })
if (seen.tick === 10) return ctx.intent.wrap({ token: 'WETH', amount: 1n, reason: 'no swap' })
if (seen.tick === 11) return ctx.intent.swap({ sell: 'USDC', buy: 'WETH', amountIn: 10n ** 9n, maxSlippageBps: 900, reason: 'buy' })
if (seen.tick === 12) for (let i = 0; i < 100; i++) ctx.log('debug', 'x'.repeat(600), {})`

describe('failure is seen', () => {
  test('what no record can hold is one missed tick with one message, file and line; the summary is what the log says', async () => {
    const { summary, log, isFailed } = await run(strategy(NONSENSE), { maxMissed: '6', out: join(root, 'nonsense') })
    expect({ ...summary, isFailed }).toMatchObject({
      decisions: 20,
      missed: 6,
      reverted: 3,
      trades: 1,
      isFailed: false,
    })
    const reasons = (faults: typeof summary.missedBy) =>
      faults.map(({ reason, count, firstTick }) => [firstTick, count, reason])
    expect(reasons(summary.missedBy)).toEqual([
      [2, 1, expect.stringMatching(/^the strategy's result: .*lone surrogate$/)],
      [
        3,
        1,
        'the strategy failed: swap: amountIn must be a bigint of base units, like 1_000_000n, got 1.5 (index.ts:8)',
      ],
      [4, 1, expect.stringMatching(/not a finite number \(index\.ts:9\)$/)],
      [5, 1, 'the strategy failed: \ufffd half (index.ts:10)'],
      [6, 1, expect.stringMatching(/^the strategy's result: intents\.0\.amountIn: /)],
      [7, 1, 'the strategy failed: not at 7 (index.ts:12)'],
    ])
    expect(reasons(summary.unfilledBy)).toEqual([
      [8, 2, expect.stringMatching(/^sells 1000000000000000000000000000000 USDC, the treasury holds/)],
      [10, 1, 'only swaps fill on paper, not a wrap'],
    ])
    expect(lines.find(({ tick }) => tick === 7)?.lines).toEqual([
      { level: 'info', message: 'looking \ufffd', fields: { tick: '7', part: '0.5', big: '3' } },
    ])
    // A second reader counts the same from the files alone.
    const counted = { decisions: 0, missed: 0, reverted: 0, logged: 0 }
    const report = await verifyLog(
      { files: openLogFiles(log.dir), crypto: nodeCrypto, key: parseVkey(nodeCrypto, log.vkey) },
      (leaf, _, records) => {
        const decision = records.find(leaf, 'decision')
        if (decision !== null) counted.decisions++
        if (decision?.body.result.type === 'missed') counted.missed++
        if (decision?.body.log !== undefined)
          counted.logged = Math.max(counted.logged, JSON.stringify(decision.body.log).length)
        if (records.find(leaf, 'fill')?.body.status === 'reverted') counted.reverted++
      },
    )
    expect(report.findings).toEqual([])
    expect(counted).toMatchObject({ decisions: 20, missed: 6, reverted: 3 })
    expect(counted.logged).toBeLessThan(9_000)
  })

  test('a run ends at the first missed tick, and at one more than it may have', async () => {
    const module = strategy('if (seen.tick >= 3) throw new Error("bad at " + seen.tick)')
    expect(await run(module)).toMatchObject({ isFailed: true, summary: { decisions: 4, missed: 1 } })
    const more = await run(module, { maxMissed: '4' })
    expect(more).toMatchObject({ isFailed: true, summary: { decisions: 8, missed: 5 } })
    expect(more.summary.missedBy).toMatchObject([
      { count: 5, firstTick: 3, reason: expect.stringMatching(/index\.ts:6\)$/) },
    ])
  })

  test('a window whose observation fits no record ends the run, and leaves no directory', async () => {
    const out = join(root, 'wide')
    await expect(run(strategy('', 2_000), { out, decisions: '3' })).rejects.toThrow(/tick 0 cannot be put on record: /)
    expect(readdirSync(root)).not.toContain('wide')
  })

  test.each([
    ['a parameter that is none', { params: '{"limt":1}' }, /does not load: params: Unrecognized key: "limt"$/],
    ['a parameter of another type', { params: '{"limit":"x"}' }, /params\.limit: /],
    ['a day that is none', { from: '2022-02-31' }, /--from: there is no 2022-02-31/],
    ['an hour that is none', { to: '2022-02-01T24:00' }, /--to: there is no 2022-02-01T24:00/],
    ['a fee that no pool has', { feeBps: '25' }, /--fee-bps: no pool has a fee of 25/],
    ['no number of missed ticks', { maxMissed: '-1' }, /--max-missed must be a whole number/],
  ])('%s is one line, and leaves no directory', async (_, options, said) => {
    const failed = run(strategy(''), { out: join(root, 'none'), ...options })
    await expect(failed).rejects.toThrow(said)
    await expect(failed).rejects.not.toThrow(/\n/)
    expect(readdirSync(root)).not.toContain('none')
  })

  test('parity goes by time: the same strategy a shift later differs by what one of them lacks', async () => {
    const module = strategy('')
    const at = async (from: string) => (await run(module, { from, decisions: '10' })).log.dir
    const [a, b] = [await at('2024-01-01T00:00'), await at('2024-01-01T00:04')]
    expect(await compareRuns(a, b)).toMatchObject({ compared: 6, identical: 6, different: 0, onlyInA: 4, onlyInB: 4 })
  })
})

describe('figures', () => {
  const schedule = scheduleOf(simulateMinutes({ seed: 'figures', minutes: 72_010 }), {
    intervalSeconds: 60,
    window: 4,
    decisions: 72_000,
  })
  const pair = { base: 'WETH', quote: 'USDC' }
  const decision = (result: object) =>
    ({ agent: 'a', tick: 0, observation: null, strategy: '', params: '', doors: [], result }) as never
  const fill = (changes: Record<string, string>) =>
    ({ decision: '', status: 'success', reason: null, changes }) as never

  test('the curve begins before the first trade and ends at the last bar: a loss is a drawdown', () => {
    const tally = createTally({ schedule, pair, feePips: 500, start: { USDC: '1000000000', WETH: '0' } })
    tally.take(0, decision({ type: 'intents', intents: [], reason: 'x' }), fill({ USDC: '-500000000', WETH: '0' }))
    const summary = summarize(tally.result)
    expect(tally.result.equity).toHaveLength(2)
    expect(summary).toMatchObject({ startUsdc: 1_000, endUsdc: 500, returnPercent: -50, maxDrawdownPercent: 50 })
    expect(summary.to).toBe(new Date(((schedule.bars[4]?.timeSeconds ?? 0) + 60) * 1_000).toISOString())
  })

  test('a page of 72,000 bars with a trade at each is made, and no larger for it', () => {
    const tally = createTally({ schedule, pair, feePips: 500, start: { USDC: '1000000000', WETH: '0' } })
    for (let tick = 0; tick < 72_000; tick++)
      tally.take(tick, decision({ type: 'intents', intents: [], reason: 'x' }), fill({ USDC: '-1', WETH: '1' }))
    const page = chartPage({ title: 'many', simulated: true, result: tally.result, summary: summarize(tally.result) })
    expect(page).toContain('<polyline')
    expect(page.length).toBeLessThan(1_000_000)
  })
})

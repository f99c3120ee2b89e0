import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { backtestToLog } from '#runtime/cli/lib/backtestToLog.ts'
import { compareRuns } from '#runtime/cli/lib/compareRuns.ts'
import { replayLog } from '#runtime/cli/lib/replayLog.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { scheduleOf } from '#runtime/market/bars.ts'
import { simulateMinutes } from '#runtime/market/simulate.ts'
import { loadStrategy, openRunKeys, STRATEGIES } from '#runtime/run/openRun.ts'
import { verifyLog } from '#verifier/audit/verifyLog.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import { parseVkey } from '#verifier/log/signedNote.ts'
import { runBacktest } from '../runBacktest.ts'

const root = mkdtempSync(join(tmpdir(), 'warrant-scout-'))
afterAll(() => rmSync(root, { recursive: true }))
const source = simulateMinutes({ seed: 'scout', minutes: 300 })
let strategies = 0

/** A strategy over bars of a minute with the trend follower's model beside it. */
function strategy(body: string): string {
  const dir = join(root, `strategy-${strategies++}`)
  mkdirSync(dir)
  copyFileSync(join(STRATEGIES, 'trend-follower', 'model.onnx'), join(dir, 'model.onnx'))
  const module = join(dir, 'index.ts')
  writeFileSync(
    module,
    `import { defineStrategy, z } from 'warrant/sdk'
export default defineStrategy({
  name: 'ahead', version: '1', params: z.strictObject({}), models: [{ name: 'm' }],
  market: { pair: { base: 'WETH', quote: 'USDC' }, intervalSeconds: 60, window: 4 },
  async decide(ctx) { const seen = await ctx.observe(); ${body} },
})`,
  )
  return module
}

/** Trades at every third tick, after asking the model. */
const TRADES = `
  const [v] = await ctx.infer('m', Array.from({ length: 12 }, (_, i) => (seen.bars.close[i % 4] - seen.bars.close[0]) / 100))
  if (seen.tick % 3 !== 0) return ctx.hold('model says ' + v)
  const sell = seen.tick % 2 === 0 ? 'USDC' : 'WETH'
  return ctx.intent.swap({ sell, buy: sell === 'USDC' ? 'WETH' : 'USDC', amountIn: seen.balance(sell) / 10n, maxSlippageBps: 100, reason: 'r' + v })`

async function backtest(module: string, decisions: number) {
  const dir = mkdtempSync(join(root, 'run-'))
  const done = await backtestToLog({
    strategy: module,
    params: {},
    source,
    fromMs: null,
    toMs: null,
    decisions,
    feePips: 500,
    dir,
    seed: '1',
  })
  const replayed = await replayLog(done.logDir, { vkey: done.vkey })
  expect(replayed).toMatchObject({ diverged: 0, findings: [] })
  return { ...done, replayed }
}

async function decisionsOf(logDir: string, vkey: string): Promise<RecordOf<'decision'>['body'][]> {
  const bodies: RecordOf<'decision'>['body'][] = []
  await verifyLog(
    { files: openLogFiles(logDir), crypto: nodeCrypto, key: parseVkey(nodeCrypto, vkey) },
    (leaf, _, records) => {
      const decision = records.find(leaf, 'decision')
      if (decision !== null) bodies.push(decision.body)
    },
  )
  return bodies
}

describe('a strategy that runs ahead of its evidence', () => {
  test('decides what it decides when it waits for its evidence, tick by tick', async () => {
    const module = strategy(TRADES)
    const ahead = await backtest(module, 150)
    expect(ahead.result).toMatchObject({ decisions: 150, missed: 0 })
    expect(ahead.result.trades).toBeGreaterThan(40)

    const loaded = await loadStrategy(module, {})
    const keys = openRunKeys(join(root, 'keys'))
    let nowMs = 0
    const clock = {
      nowMs: () => nowMs,
      set(ms: number) {
        nowMs = ms
      },
    }
    const dir = join(root, 'waiting')
    const log = openLog({ dir, origin: 'test.example/waiting', signer: keys.log, clock })
    const schedule = scheduleOf(source, { intervalSeconds: 60, window: 4, decisions: 150 })
    const waited = await runBacktest({
      ...{ log, keys, clock, mode: 'paper', strategy: loaded, source, schedule, feePips: 500, seed: '1' },
    })
    await log.close()
    await loaded.sandboxed.close()
    expect(waited).toEqual(ahead.result)
    expect(await compareRuns(ahead.logDir, dir)).toMatchObject({ compared: 150, identical: 150, different: 0 })
  })

  test('a decision that never ends is missed, alone', async () => {
    const { logDir, vkey, result } = await backtest(strategy(`if (seen.tick === 40) for (;;) {} ${TRADES}`), 60)
    expect(result).toMatchObject({ decisions: 60, missed: 1 })
    const missed = (await decisionsOf(logDir, vkey)).filter(({ result }) => result.type === 'missed')
    expect(missed).toMatchObject([{ tick: 40, result: { reason: 'the strategy did not answer within 2000 ms' } }])
  })

  test.each([
    ['on the heap', "a.push(new Array(1e6).fill(seen.tick + 'x'))"],
    ['off it', 'a.push(new Uint8Array(1e7).fill(1)); await null'],
  ])('a memory bomb %s is missed, alone', async (_, grow) => {
    const bomb = `if (seen.tick === 3) { const a = []; for (;;) { ${grow} } }`
    const { result } = await backtest(strategy(`${bomb} ${TRADES}`), 10)
    expect(result).toMatchObject({ decisions: 10, missed: 1 })
  })

  test('what the strategy throws, and what its model refuses, stand in the record', async () => {
    const { logDir, vkey, result } = await backtest(
      strategy(`
        if (seen.tick === 2) throw new Error('not today')
        if (seen.tick === 4) void Promise.reject(new Error('left behind'))
        if (seen.tick === 6) try { await ctx.infer('m', [1, 2]) } catch (error) { return ctx.hold('no model: ' + error.message) }
        if (seen.tick === 7) try { await ctx.chat('m', { messages: [] }) } catch (error) { return ctx.hold('no chat: ' + error.message) }
        return ctx.hold('quiet')`),
      9,
    )
    expect(result.decisions).toBe(9)
    const bodies = await decisionsOf(logDir, vkey)
    expect(bodies[2]?.result).toMatchObject({ type: 'missed', reason: expect.stringContaining('not today') })
    expect(bodies[6]).toMatchObject({
      doors: [{ door: 'observe' }, { door: 'infer' }],
      result: { type: 'hold', reason: expect.stringMatching(/no model: .*expects/) },
    })
    expect(bodies[7]).toMatchObject({
      doors: [{ door: 'observe' }, { door: 'chat' }],
      result: { type: 'hold', reason: expect.stringMatching(/no chat: .*tensor models only/) },
    })
  })

  test('ending a scout, or the process, while its model runs aborts nothing', () => {
    const module = strategy(`
      for (let i = 0; i < 40; i++) await ctx.infer('m', Array.from({ length: 12 }, (_, j) => i + j))
      return ctx.hold('asked')`)
    const script = join(root, 'ends.mjs')
    writeFileSync(
      script,
      `
      const [, , module] = process.argv
      const load = path => import(${JSON.stringify(`file://${resolve(import.meta.dirname, '../../../dist')}/`)} + path)
      const { openScout } = await load('runtime/backtest/scout/openScout.js')
      const { startBalances } = await load('runtime/backtest/paperTreasury.js')
      const { scheduleOf } = await load('runtime/market/bars.js')
      const { simulateMinutes } = await load('runtime/market/simulate.js')
      const { loadStrategy } = await load('runtime/run/openRun.js')
      const schedule = scheduleOf(simulateMinutes({ seed: 'ends', minutes: 300 }), { intervalSeconds: 60, window: 4, decisions: 200 })
      const { bundle, params, models, sandboxed } = await loadStrategy(module, {})
      await sandboxed.close()
      for (let round = 0; round < 6; round++) {
        const scout = await openScout(bundle.bytes, params)
        const pair = { base: 'WETH', quote: 'USDC' }
        scout.explore({ models, schedule, pair, feePips: 500 }, startBalances(pair))
        await scout.next(startBalances(pair))
        if (round === 5) process.exit(7)
        await scout.close()
      }`,
    )
    const run = spawnSync(process.execPath, [script, module], { encoding: 'utf8' })
    expect(run.stderr).toBe('')
    expect(run).toMatchObject({ signal: null, status: 7 })
  })
})

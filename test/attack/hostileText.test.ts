import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chartPage } from '#runtime/backtest/chartPage.ts'
import { statusPage } from '#runtime/console/statusPage.ts'
import { demoPolicy } from '#runtime/demo/demoPolicy.ts'
import type { DemoReport } from '#runtime/demo/runDemo.ts'
import { canonicalBytes } from '#verifier/evidence/canonical.ts'
import { commandHere } from '../support/commandHere.ts'
import { HOSTILE, SPOKEN, writeHostileLog } from '../support/hostileLog.ts'
import { warrant } from '../support/warrant.ts'

// Whoever writes a record chooses its words: an agent its reasons, a token its symbol, a model its name. Every command
// and page is run over a log in which each of them speaks to the terminal and to the browser.
const dir = mkdtempSync(join(tmpdir(), 'warrant-hostile-'))
const log = join(dir, 'log')
let report: DemoReport
let ticks: number[] = []

beforeAll(async () => {
  const demo = warrant(['demo', '--once', '--json', '--decisions', '4', '--out', join(dir, 'demo')])
  expect(demo.status, demo.stderr).toBe(0)
  report = JSON.parse(demo.stdout)
  ;({ ticks } = await writeHostileLog(join(dir, 'demo', 'log'), join(dir, 'demo', 'keys', 'log.key'), log))
}, 240_000)
afterAll(() => rmSync(dir, { recursive: true }))

/** What was printed, on both streams; fails where a terminal would obey any of it. */
async function quiet(args: string[]): Promise<string> {
  const { stdout, stderr } = await commandHere(args)
  const said = stdout + stderr
  const spoken = SPOKEN.exec(said)
  expect(spoken === null ? null : JSON.stringify(said.slice(Math.max(0, spoken.index - 80), spoken.index + 40))).toBe(
    null,
  )
  return said
}

describe('a log whose every word is hostile', () => {
  test('explain: each decision, as a page and as JSON', async () => {
    let all = ''
    for (const tick of ticks) all += await quiet(['explain', String(tick), '--log', log, '--unpinned'])
    // The words are shown, escaped: nothing was dropped, and the whole page was reached.
    for (const part of ['because: "x\\u{1b}Pfake', 'PROPOSED', 'CHECKED by', 'REJECTED', 'HAPPENED'])
      expect(all).toContain(part)
    expect(
      JSON.parse(await quiet(['explain', String(ticks[0]), '--log', log, '--unpinned', '--json'])).decision.body.agent,
    ).toBe(HOSTILE)
  })

  test('log show, tail, verify; replay, parity, show', async () => {
    const shown = await quiet(['log', 'show', log, '--unpinned'])
    expect(
      shown
        .split('\n')
        .filter(line => line.startsWith('{'))
        .map(line => JSON.parse(line).kind),
    ).toContain('incident')
    await quiet(['log', 'show', log, '--unpinned', '--json'])
    await quiet(['log', 'tail', log, '--unpinned', '--from', '0'])
    await quiet(['log', 'verify', log, '--unpinned'])
    await quiet(['replay', log, '--unpinned'])
    await quiet(['parity', log, join(dir, 'demo', 'log')])
    await quiet(['log', 'fsck', log])
    const file = join(dir, 'one.warrant')
    writeFileSync(file, canonicalBytes({ [HOSTILE]: HOSTILE }))
    await quiet(['show', file])
    await quiet(['show', log, '--unpinned'])
    await quiet(['show', log, '--unpinned', '--json'])
    await quiet(['show', log, '--unpinned', '--agent', HOSTILE])
    await quiet(['log', 'verify', log, '--require-witness', HOSTILE, '--unpinned'])
    await quiet(['log', 'verify', log])
    await quiet(['show', join(dir, HOSTILE)])
  })
})

test('a policy whose every word is hostile: check, explain, diff, test', async () => {
  const at = (digit: string) => `0x${digit.repeat(40)}`
  const policy = (name: string) => ({
    ...demoPolicy({
      chain: {
        ...{ chainId: 1, safe: at('3'), module: at('4'), guard: at('5'), router: at('6') },
        pool: { address: at('7'), token0: at('1'), token1: at('2'), feePips: 500 },
        tokens: [
          { symbol: `${HOSTILE}${name}`, address: at('1'), decimals: 6 },
          { symbol: `${HOSTILE}2`, address: at('2'), decimals: 18 },
        ],
      },
      ...{ logKey: HOSTILE, agentKey: 'ab'.repeat(32), executor: at('8') },
      ...{ strategies: [], models: [], workers: [] },
    }),
    name: HOSTILE,
    exits: [{ intent: 'swap', sell: `${HOSTILE}${name}`, buy: `${HOSTILE}2` }],
  })
  const [a, b] = ['a', 'b'].map(name => {
    const file = join(dir, `${name}.yaml`)
    writeFileSync(file, JSON.stringify(policy(name)))
    return file
  }) as [string, string]
  await quiet(['policy', 'check', a])
  const wrong = join(dir, 'wrong.yaml')
  writeFileSync(wrong, JSON.stringify({ ...policy('c'), exits: [{ intent: 'swap', sell: `${HOSTILE}4` }] }))
  await quiet(['policy', 'check', wrong])
  expect(await quiet(['policy', 'explain', a])).toContain('may hold and trade x\\u{1b}Pfake')
  await quiet(['policy', 'diff', a, b])
  const table = join(dir, 'tests.yaml')
  const intents = [{ type: 'swap', sell: HOSTILE, buy: HOSTILE, amountIn: '1', minBuy: '1' }]
  const cases = [{ name: HOSTILE, intents, expect: 'allow' }]
  writeFileSync(table, JSON.stringify({ policy: a, oracleTick: 0, cases }))
  expect(await quiet(['policy', 'test', table])).toContain('FAIL')
  writeFileSync(table, `${HOSTILE}: 1\n`)
  await quiet(['policy', 'test', table])
})

test('pages: no markup but their own, nothing hidden', () => {
  const spoil = (value: unknown): unknown =>
    typeof value === 'string'
      ? HOSTILE
      : Array.isArray(value)
        ? value.map(spoil)
        : typeof value === 'object' && value !== null
          ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, spoil(item)]))
          : value
  const point = { timeMs: 0, equity: 1, hold: 1, price: 1, trade: null }
  const missedBy = [{ reason: HOSTILE, count: 1, firstTick: 0, firstTimeMs: 0 }]
  const summary = {
    startUsdc: 199_999.99999999997,
    endUsdc: 1,
    holdUsdc: 1,
    feesUsdc: 0,
    from: HOSTILE,
    to: HOSTILE,
    missedBy,
    unfilledBy: missedBy,
  }
  const result = { equity: [point, { ...point, timeMs: 1 }] }
  for (const page of [
    statusPage(spoil(report) as DemoReport),
    chartPage({ title: HOSTILE, simulated: true, result, summary } as never),
  ]) {
    expect(page).not.toContain('<script')
    expect(page).not.toMatch(SPOKEN)
    expect(page).toContain('\\u{1b}Pfake')
    expect(page).not.toContain('99999999997')
  }
})

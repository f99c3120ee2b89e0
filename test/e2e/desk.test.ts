import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { warrant } from '../support/warrant.ts'

const root = mkdtempSync(join(tmpdir(), 'warrant-desk-'))
afterAll(() => rmSync(root, { recursive: true }))
const DATA = resolve(import.meta.dirname, '../../../shared/data/uniswap-v3-polygon-usdc-weth-500')

describe('a newcomer: init, test, build, backtest', () => {
  const dir = join(root, 'my-strategy')
  test('each step works in an empty directory', () => {
    expect(warrant(['init', dir]).status).toBe(0)
    expect(warrant(['init', dir])).toMatchObject({ status: 2, stderr: expect.stringContaining('not empty') })
    const tested = warrant(['strategy', 'test', join(dir, 'index.ts')])
    const told = JSON.parse(warrant(['strategy', 'test', join(dir, 'index.ts'), '--json']).stdout)
    expect(told).toMatchObject({ ok: true, failed: 0 })
    expect(told.passed).toBeGreaterThan(0)
    expect(tested.stdout).toMatch(/pass 2/)
    expect(tested.status).toBe(0)
    const built = warrant(['strategy', 'build', join(dir, 'index.ts'), '--json'])
    expect(built.status).toBe(0)
    expect(JSON.parse(built.stdout).digest).toMatch(/^[0-9a-f]{64}$/)
    const html = join(dir, 'chart.html')
    const ran = warrant([
      'backtest',
      join(dir, 'index.ts'),
      '--decisions',
      '50',
      '--html',
      html,
      '--out',
      join(dir, 'run'),
      '--json',
    ])
    expect(ran.status).toBe(0)
    expect(JSON.parse(ran.stdout)).toMatchObject({ decisions: 50, missed: 0, simulated: true })
    expect(readFileSync(html, 'utf8')).toMatch(/Simulated market[\s\S]*<svg/)
    expect(readFileSync(html, 'utf8')).not.toMatch(/https?:\/\/(?!www\.w3\.org)/)
    expect(warrant(['replay', join(dir, 'run', 'log'), '--unpinned']).status).toBe(0)
    const explained = warrant(['explain', '3', '--log', join(dir, 'run', 'log'), '--unpinned'])
    for (const part of ['SEEN', 'DECIDED', 'HAPPENED']) expect(explained.stdout).toContain(part)
    expect(warrant(['explain', '999', '--log', join(dir, 'run', 'log'), '--unpinned'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('no decision'),
    })
  })

  test('mistakes in a strategy: file, line, exit 2', () => {
    const text = readFileSync(join(dir, 'index.ts'), 'utf8')
    const tryText = (name: string, changed: string) => {
      writeFileSync(join(dir, name), changed)
      return warrant(['strategy', 'build', join(dir, name)])
    }
    expect(tryText('types.ts', text.replace('ctx.hold(reason)', 'ctx.hold(1)'))).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/does not type-check: .*types\.ts\(\d+,\d+\)/),
    })
    expect(
      tryText(
        'node.ts',
        `import { readFileSync } from 'node:fs'\n${text.replace('ctx.hold(reason)', 'ctx.hold(String(readFileSync))')}`,
      ).status,
    ).toBe(2)
    expect(warrant(['backtest', join(dir, 'node.ts'), '--decisions', '5'])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/node\.ts:1: imports node:fs/),
    })
    expect(warrant(['backtest', join(dir, 'missing.ts')])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('missing.ts: no such strategy module'),
    })
    expect(warrant(['backtest', 'trend-follower', '--params', '{"treshold":1}'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('treshold'),
    })
    expect(warrant(['backtest', 'trend-follower', '--fee-bps', 'x'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--fee-bps'),
    })
    expect(warrant(['backtest', 'trend-follower', '--from', '2022'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--from must be'),
    })
  })

  test('a model with another input shape, or no model at all: exit 2', () => {
    const strategy = (shape: string) => `import { defineStrategy, z } from 'warrant/sdk'
export default defineStrategy({ name: 'm', version: '1', params: z.object({}), models: [{ name: 'model' }], market: { pair: { base: 'WETH', quote: 'USDC' }, intervalSeconds: 900, window: 2 },
  async decide(ctx) { await ctx.observe(); await ctx.infer('model', ${shape}); return ctx.hold('x') } })`
    writeFileSync(join(dir, 'm.ts'), strategy('[1, 2, 3]'))
    expect(warrant(['backtest', join(dir, 'm.ts'), '--decisions', '3'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('model model: none of'),
    })
    writeFileSync(join(dir, 'model.onnx'), 'not a model')
    expect(warrant(['backtest', join(dir, 'm.ts'), '--decisions', '3'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('model model: is no ONNX file'),
    })
    writeFileSync(
      join(dir, 'model.onnx'),
      readFileSync(resolve(import.meta.dirname, '../../strategies/trend-follower/model.onnx')),
    )
    const ran = warrant(['backtest', join(dir, 'm.ts'), '--decisions', '3', '--json'])
    // The request fails on record, and the tick is missed for that reason: nothing is made up.
    expect(ran.status).toBe(1)
    expect(JSON.parse(ran.stdout)).toMatchObject({ decisions: 1, missed: 1, missedBy: [{ count: 1, firstTick: 0 }] })
    const all = warrant(['backtest', join(dir, 'm.ts'), '--decisions', '3', '--max-missed', '3', '--json'])
    expect(JSON.parse(all.stdout)).toMatchObject({ decisions: 3, missed: 3, missedBy: [{ count: 3 }] })
  })

  test('run: paper by default, ends in order on SIGTERM, --live needs a treasury', async () => {
    const config = join(dir, 'warrant.yaml')
    writeFileSync(config, readFileSync(config, 'utf8').replace('out:', 'paceMs: 30\nout:'))
    const child = spawn(
      process.execPath,
      [resolve(import.meta.dirname, '../../dist/runtime/cli/main.js'), 'run', '--config', config, '--json'],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    )
    let out = ''
    child.stdout.on('data', chunk => {
      out += chunk
    })
    const log = join(dir, 'runs', 'paper', 'log', 'state', 'wal-0')
    while (!existsSync(log) || readFileSync(log).length < 20_000) await new Promise(done => setTimeout(done, 50))
    child.kill('SIGTERM')
    const code = await new Promise(done => child.once('exit', done))
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ mode: 'paper', ended: 'SIGTERM' })
    expect(warrant(['log', 'verify', join(dir, 'runs', 'paper', 'log'), '--unpinned']).status).toBe(0)
    expect(warrant(['run', '--config', config])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('not empty'),
    })
    expect(warrant(['run', '--config', config, '--live'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('treasury'),
    })
    writeFileSync(join(dir, 'typo.yaml'), 'strategy: ./index.ts\nmarkt: {}\nout: x\n')
    expect(warrant(['run', '--config', join(dir, 'typo.yaml')])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/typo\.yaml: /),
    })
    writeFileSync(join(dir, 'broken.yaml'), 'a: [1\n')
    expect(warrant(['run', '--config', join(dir, 'broken.yaml')])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/broken\.yaml:\d+: /),
    })
  })
})

describe('backtest = live', () => {
  test('a backtest and a run on the devnet over the same data decide and fill alike', { timeout: 240_000 }, () => {
    const market = existsSync(DATA) ? ['--data', DATA] : []
    const demo = warrant(['demo', '--once', '--json', '--decisions', '25', '--out', join(root, 'live'), ...market])
    expect(demo.status, demo.stderr).toBe(0)
    if (market.length === 0) return
    const back = warrant(['backtest', 'trend-follower', '--decisions', '25', '--out', join(root, 'back'), ...market])
    expect(back.status).toBe(0)
    const same = warrant(['parity', join(root, 'live', 'log'), join(root, 'back', 'log'), '--run', '1', '--json'])
    expect(JSON.parse(same.stdout)).toMatchObject({ compared: 25, identical: 25, different: 0 })
    expect(same.status).toBe(0)
    // Another strategy over the same data is not alike, and parity says where.
    warrant([
      'backtest',
      'trend-follower',
      '--decisions',
      '25',
      '--params',
      '{"threshold":0.5}',
      '--out',
      join(root, 'other'),
      ...market,
    ])
    const other = warrant(['parity', join(root, 'live', 'log'), join(root, 'other', 'log'), '--run', '1', '--json'])
    expect(JSON.parse(other.stdout).different).toBeGreaterThan(0)
    expect(other.status).toBe(1)
  })
})

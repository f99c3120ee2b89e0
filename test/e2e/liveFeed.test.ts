import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { createChainPort } from '#runtime/chain/createChainPort.ts'
import { LOG_ORIGIN } from '#runtime/demo/demoWorld.ts'
import { decisionTimeMs } from '#runtime/market/bars.ts'
import { createSwapFeed } from '#runtime/market/swapFeed.ts'
import { spawnWarrant } from '#runtime/run/spawnWarrant.ts'
import { createTraderWorld } from '../fault/treasury/traderWorld.ts'
import { warrant } from '../support/warrant.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const dir = mkdtempSync(join(tmpdir(), 'warrant-feed-'))
afterAll(() => rmSync(dir, { recursive: true }))

test("run --live on a pool's own Swap logs: agent and verifier derive the same bars, each from the chain", async () => {
  const out = join(dir, 'world')
  const { world, entry, release } = await createTraderWorld(out, '11', 16)
  await release()
  const { devnet, schedule } = world
  const pool = devnet.chain.pool.address
  await world.verifier.stop()
  for (let tick = 0; tick < 10; tick++) await world.moveMarketTo(tick)
  const chain = createChainPort(devnet.url)
  const feed = createSwapFeed(chain, devnet.chain.chainId, pool)
  const opened = decisionTimeMs(schedule, 2) / 1_000

  // The market moves at the close of each bar: the next one opens where it was, and ends where it went.
  const bars = await feed.barsFrom(opened, 7, schedule.intervalSeconds)
  const closes = schedule.bars.slice(schedule.window - 1).map(bar => bar.close)
  expect(bars?.map(bar => bar.close)).toEqual(closes.slice(2, 9))
  expect(bars?.slice(1).map(bar => bar.open)).toEqual(closes.slice(2, 8))
  expect(
    bars?.every(bar => bar.low <= Math.min(bar.open, bar.close) && bar.high >= Math.max(bar.open, bar.close)),
  ).toBe(true)
  // What has not ended is not told; what was not there has no price.
  expect(await feed.barsFrom(opened, 60, schedule.intervalSeconds)).toBe(null)
  await expect(feed.barsFrom(900, 1, 900)).rejects.toThrow('was not there')
  expect(await feed.tickAt(opened)).toBe(closes[2])
  expect(await feed.tickAt(opened - 1)).toBe(closes[1])

  const config = readFileSync(join(out, 'verifier/verifier.yaml'), 'utf8')
  const { market: _, ...rest } = parse(config)
  writeFileSync(join(out, 'verifier/chain.yaml'), stringify({ ...rest, market: { swaps: { pool } } }))
  const verifier = await spawnWarrant(['verifier', '--config', join(out, 'verifier/chain.yaml')])
  try {
    const treasury = {
      ...{ rpc: devnet.url, policy: join(out, 'verifier/policy.yaml'), verifiers: [verifier.ready.url] },
      ...{ threshold: 1, executorKey: join(out, 'keys/executor.key'), logOrigin: LOG_ORIGIN },
    }
    const file = join(dir, 'live.yaml')
    writeFileSync(file, JSON.stringify({ strategy: entry, market: { swaps: { pool } }, out, decisions: 2, treasury }))
    const paper = warrant(['run', '--config', file])
    expect([paper.status, paper.stderr]).toEqual([2, expect.stringContaining('market.swaps: on paper')])
    const run = spawn(process.execPath, ['dist/runtime/cli/main.js', 'run', '--config', file, '--live', '--json'], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [stdout, said] = ['', '']
    run.stdout.on('data', chunk => {
      stdout += chunk
    })
    run.stderr.on('data', chunk => {
      said += chunk
    })
    const ended = new Promise<number | null>(done => run.once('exit', done))
    const until = async (text: string) => {
      while (!said.includes(text)) {
        if (run.exitCode !== null) throw new Error(said)
        await new Promise(done => setTimeout(done, 50))
      }
    }
    await until('LIVE on chain')
    // Nothing is decided before a bar has ended on the chain.
    await new Promise(done => setTimeout(done, 1_500))
    expect(said).not.toContain('decision 1/2')
    await world.moveMarketTo(10)
    await until('decision 1/2')
    await world.moveMarketTo(11)
    expect(await ended, said).toBe(0)
    const report = JSON.parse(stdout)
    expect(report, said).toMatchObject({ mode: 'live', decisions: 2, trades: 2 })
    const log = [join(out, 'log'), '--vkey', report.log.vkey]
    const observation = warrant(['log', 'show', ...log, '--kind', 'observation', '--json'])
    expect(observation.stdout).toContain(`swaps of pool ${pool}`)
    expect(warrant(['replay', ...log]).status).toBe(0)
    expect(warrant(['audit', ...log, '--rpc', devnet.url]).status).toBe(0)
  } finally {
    await verifier.stop()
    await world.close()
  }
}, 120_000)

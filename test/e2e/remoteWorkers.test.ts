import { type ChildProcess, spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LOG_ORIGIN } from '#runtime/demo/demoWorld.ts'
import { createTraderWorld } from '../fault/treasury/traderWorld.ts'
import { hasRedis, startRedis } from '../support/redis.ts'
import { warrant } from '../support/warrant.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const dir = mkdtempSync(join(tmpdir(), 'warrant-remote-'))

const ASKS = `import { defineStrategy, z } from 'warrant'
export default defineStrategy({
  name: 'asks-first',
  version: '1.0.0',
  params: z.strictObject({}),
  market: { pair: { base: 'WETH', quote: 'USDC' }, intervalSeconds: 900, window: 8 },
  models: [{ name: 'trend' }],
  async decide(ctx) {
    const seen = await ctx.observe()
    const [forecast = Number.NaN] = await ctx.infer('trend', Array.from({ length: 12 }, (_, i) => i / 12))
    if (!Number.isFinite(forecast)) return ctx.hold('no forecast')
    return ctx.intent.swap({ sell: 'USDC', buy: 'WETH', amountIn: seen.balance('USDC') / 50n, maxSlippageBps: 100, reason: 'forecast ' + forecast })
  },
})
`

describe.skipIf(!hasRedis)('run --live with workers elsewhere (needs redis-server)', () => {
  const children: ChildProcess[] = []
  let redis: Awaited<ReturnType<typeof startRedis>>
  beforeAll(async () => {
    redis = await startRedis()
    for (const name of ['models', 'world-trader']) {
      mkdirSync(join(dir, name))
      copyFileSync(join(ROOT, 'strategies/trend-follower/model.onnx'), join(dir, name, 'trend.onnx'))
    }
  })
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL')
    await redis.stop()
    rmSync(dir, { recursive: true })
  })

  /** A worker process of an operator of its own. */
  async function worker(id: string) {
    const child = spawn(
      process.execPath,
      [
        ...[join(ROOT, 'dist/runtime/cli/main.js'), 'worker', '--redis', redis.url, '--id', id],
        ...['--key', join(dir, `${id}.key`), '--models', join(dir, 'models')],
      ],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    )
    children.push(child)
    const line = await new Promise<string>((done, fail) => {
      child.stdout?.once('data', chunk => done(String(chunk)))
      child.once('exit', code => fail(new Error(`worker ${id} ended with ${code}`)))
    })
    return { id, operator: `operator of ${id}`, publicKey: (JSON.parse(line) as { publicKey: string }).publicKey }
  }

  test('two operators answer, one answer carries trace and agreement, the verifier checks both, the chain executes', async () => {
    const workers = [await worker('one'), await worker('two')]
    const out = join(dir, 'world')
    const { world, entry, marketSource, release } = await createTraderWorld(out, '5', 6, {
      text: ASKS,
      adjustPolicy: policy => ({
        ...policy,
        proofs: [{ upToUsd: null, anyOf: [['freivalds', 'quorum']] }],
        identities: {
          ...policy.identities,
          workers: workers.map(({ publicKey, operator }) => ({ publicKey, operator })),
        },
      }),
    })
    await release()
    await world.moveMarketTo(0)
    try {
      const config = join(dir, 'live.yaml')
      const given = {
        ...{ strategy: entry, market: marketSource, out, decisions: 1, inference: { redis: redis.url, workers } },
        treasury: {
          ...{ rpc: world.devnet.url, policy: join(out, 'verifier/policy.yaml'), threshold: 1 },
          ...{
            verifiers: [world.verifier.ready.url],
            executorKey: join(out, 'keys/executor.key'),
            logOrigin: LOG_ORIGIN,
          },
        },
      }
      writeFileSync(config, JSON.stringify(given))
      const run = warrant(['run', '--config', config, '--live', '--json'])
      expect([run.status, JSON.parse(run.stdout)], run.stderr).toMatchObject([0, { decisions: 1, trades: 1 }])
      const log = [join(out, 'log'), '--vkey', JSON.parse(run.stdout).log.vkey]
      const replayed = warrant(['replay', ...log, '--json'])
      expect([replayed.status, JSON.parse(replayed.stdout)]).toMatchObject([
        0,
        { diverged: 0, proofs: { 'freivalds+quorum': { held: 1, refused: 0, unchecked: 0 } } },
      ])

      const paper = warrant(['run', '--config', config])
      expect([paper.status, paper.stderr]).toEqual([2, expect.stringContaining('inference: with --live only')])
      const away = { ...given, inference: { redis: 'redis://127.0.0.1:1', workers } }
      writeFileSync(config, JSON.stringify(away))
      const unreachable = warrant(['run', '--config', config, '--live'])
      expect([unreachable.status, unreachable.stderr]).toEqual([2, expect.stringContaining('no Redis answers')])
      expect(readFileSync(join(out, 'verifier/policy.yaml'), 'utf8')).toContain('quorum')
    } finally {
      await world.close()
    }
  }, 120_000)
})

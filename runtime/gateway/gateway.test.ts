import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { type Log, openLog } from '#runtime/log/openLog.ts'
import { createBullQueue } from '#runtime/queue/bullQueue.ts'
import { createInProcessQueue } from '#runtime/queue/inProcessQueue.ts'
import { createWorker } from '#runtime/worker/createWorker.ts'
import { identifyModel, onnxEngine } from '#runtime/worker/onnxEngine.ts'
import type { Appender } from '#verifier/evidence/ports/log.ts'
import type { QueuePort } from '#verifier/evidence/ports/queue.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import { float32Tensor } from '#verifier/evidence/tensor.ts'
import { receiptFault } from '#verifier/proof/receipt.ts'
import { hasRedis, startRedis } from '../../test/support/redis.ts'
import { createGateway, type Gateway } from './createGateway.ts'

const MODELS = resolve(import.meta.dirname, '../../strategies/trend-follower')
const file = readFileSync(join(MODELS, 'model.onnx'))
const root = mkdtempSync(join(tmpdir(), 'warrant-gateway-'))
const clock = { nowMs: () => Date.now() }
const signer = ed25519Signer(new Uint8Array(32).fill(3))
let model: ModelIdentity
let logs = 0
beforeAll(async () => {
  model = await identifyModel('trend', file)
})
afterAll(() => rmSync(root, { recursive: true }))

const input = (seed: number) => ({
  type: 'tensor' as const,
  tensor: float32Tensor(
    Array.from({ length: 12 }, (_, i) => Math.sin(seed + i)),
    [1, 12],
  ),
})
const worker = (id = 'w1', key = signer) =>
  createWorker({ id, signer: key, engine: onnxEngine, clock, modelFile: async () => file })

function gatewayOver(
  queue: QueuePort,
  timeoutMs = 5_000,
  workers = [{ id: 'w1', operator: 'w1', publicKey: signer.publicKeyHex }],
): { gateway: Gateway; log: Log; entries: () => Promise<string[]> } {
  const log = openLog({ dir: join(root, String(logs++)), origin: 'test.example/gateway', signer, clock })
  const appender: Appender = log.startRun().appender('gateway')
  const gateway = createGateway({
    log: appender,
    queue,
    clock,
    models: [model],
    workers,
    proofOf: () => 'replay',
    putBlob: bytes => log.putBlob(bytes),
    checks: null,
    sealEvery: null,
    timeoutMs,
    requestIs: 'durable',
    signatures: 'atOnce',
  })
  return {
    gateway,
    log,
    entries: async () => (await log.entries(0, log.size)).map(bytes => Buffer.from(bytes).toString()),
  }
}
const ask = (gateway: Gateway, seed: number, name = 'trend') =>
  gateway.infer({ agent: 'a', tick: seed, observation: '00'.repeat(32), model: name, input: input(seed) })

describe('the gateway', () => {
  test('numbers requests without gaps, logs each before its answer, and one signature covers a batch', async () => {
    const { gateway, log, entries } = gatewayOver(createInProcessQueue([worker()]))
    const results = await Promise.all([0, 1, 2, 3, 4].map(seed => ask(gateway, seed)))
    const receipts = results.flatMap(({ result }) => (result.status === 'ok' ? [result.receipt] : []))
    expect(receipts.length).toBe(5)
    expect(Math.max(...receipts.map(r => r.batch.size))).toBeGreaterThan(1)
    for (const receipt of receipts) expect(receiptFault(nodeCrypto, receipt, signer.publicKeyHex)).toBeNull()
    const records = (await entries()).map(text => JSON.parse(text))
    expect(records.filter(r => r.kind === 'request').map(r => r.body.number)).toEqual([0, 1, 2, 3, 4])
    for (const response of records.filter(r => r.kind === 'response')) {
      expect(records.findIndex(r => r.kind === 'request' && r.body.number === response.body.number)).toBeLessThan(
        records.indexOf(response),
      )
    }
    await log.close()
  })

  test('every failure is on record: no worker, a foreign receipt, a timeout, an unknown model', async () => {
    const foreign = gatewayOver(createInProcessQueue([worker('w9', ed25519Signer(new Uint8Array(32).fill(4)))]))
    expect((await ask(foreign.gateway, 0)).result).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('w9 is not registered'),
    })
    const forged = gatewayOver(createInProcessQueue([worker('w1', ed25519Signer(new Uint8Array(32).fill(4)))]))
    expect((await ask(forged.gateway, 0)).result).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('signature'),
    })
    const silent = gatewayOver(
      {
        dispatch: () => new Promise(() => {}),
        setAside: async () => {},
        readmit: async () => {},
        aside: async () => null,
        close: async () => {},
      },
      50,
    )
    expect((await ask(silent.gateway, 0)).result).toMatchObject({ status: 'timedOut' })
    await expect(ask(silent.gateway, 1, 'nothing')).rejects.toThrow('no model nothing')
    const wrongShape = await forged.gateway.infer({
      agent: 'a',
      tick: 0,
      observation: '00'.repeat(32),
      model: 'trend',
      input: { type: 'tensor', tensor: float32Tensor([1], [1, 1]) },
    })
    expect(wrongShape.result).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('expects float32[batch,12]'),
    })
    for (const { log } of [foreign, forged, silent]) await log.close()
  })
})

describe.skipIf(!hasRedis)('the same over BullMQ on a real Redis (needs redis-server)', () => {
  let redis: Awaited<ReturnType<typeof startRedis>>
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis?.stop())

  const spawnWorker = async (id: string, key: string): Promise<{ child: ChildProcess; publicKey: string }> => {
    const main = resolve(import.meta.dirname, '../../dist/runtime/cli/main.js')
    const child = spawn(
      process.execPath,
      [main, 'worker', '--redis', redis.url, '--key', join(root, key), '--models', MODELS, '--id', id],
      { stdio: ['ignore', 'pipe', 'ignore', 'ipc'] },
    )
    const line = await new Promise<string>((done, fail) => {
      child.stdout?.once('data', chunk => done(String(chunk)))
      child.once('exit', code => fail(new Error(`worker ended with ${code}`)))
    })
    return { child, publicKey: JSON.parse(line).publicKey }
  }

  test('two worker processes answer; one is killed in the middle; every request ends in exactly one terminal state', async () => {
    const [one, two] = await Promise.all([spawnWorker('w1', 'one.key'), spawnWorker('w2', 'two.key')])
    const queue = await createBullQueue({ url: redis.url })
    const { gateway, log, entries } = gatewayOver(queue, 30_000, [
      { id: 'w1', operator: 'w1', publicKey: one.publicKey },
      { id: 'w2', operator: 'w2', publicKey: two.publicKey },
    ])
    const first = await Promise.all(Array.from({ length: 40 }, (_, i) => ask(gateway, i)))
    expect(first.every(r => r.result.status === 'ok')).toBe(true)
    expect(
      new Set(first.map(r => (r.result.status === 'ok' ? r.result.receipt.statement.worker : ''))).size,
    ).toBeGreaterThan(0)
    const pending = Promise.all(Array.from({ length: 40 }, (_, i) => ask(gateway, 100 + i)))
    one.child.kill('SIGKILL')
    expect((await pending).every(r => r.result.status === 'ok')).toBe(true)
    const records = (await entries()).map(text => JSON.parse(text))
    const terminal = records
      .filter(r => r.kind === 'response')
      .map(r => r.body.number)
      .sort((a, b) => a - b)
    expect(terminal).toEqual(Array.from({ length: 80 }, (_, i) => i))
    two.child.kill('SIGTERM')
    await queue.close()
    await log.close()
  })

  test('no Redis: one clear error', async () => {
    await expect(createBullQueue({ url: 'redis://127.0.0.1:1' })).rejects.toMatchObject({
      code: 'UNREACHABLE',
      shortMessage: expect.stringContaining('127.0.0.1:1'),
    })
  })
})

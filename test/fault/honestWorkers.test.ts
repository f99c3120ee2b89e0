import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeKernels, randomWords } from '#runtime/crypto/nodeKernels.ts'
import { createGateway } from '#runtime/gateway/createGateway.ts'
import { serveGateway } from '#runtime/gateway/serveGateway.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { createBullQueue, readmitWorker, runBullWorker } from '#runtime/queue/bullQueue.ts'
import { createInProcessQueue } from '#runtime/queue/inProcessQueue.ts'
import { createWorker, type Worker } from '#runtime/worker/createWorker.ts'
import { identifyModel, onnxEngine } from '#runtime/worker/onnxEngine.ts'
import { isCanonicalBase64, toBase64 } from '#verifier/evidence/bytes.ts'
import type { EnginePort } from '#verifier/evidence/ports/engine.ts'
import type { QueuePort } from '#verifier/evidence/ports/queue.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import { float32Tensor, tensor } from '#verifier/evidence/tensor.ts'
import { floatModel } from '../attack/inference/floatModels.ts'
import { hasRedis, startRedis } from '../support/redis.ts'
import { seededRandom } from './seededRandom.ts'

const exact = readFileSync(resolve(import.meta.dirname, '../../strategies/trend-follower/model.onnx'))
const floating = (() => {
  const model = floatModel([1, 12], seededRandom(1))
  return model.finish(model.linear('x', 12, 3))
})()
const signer = ed25519Signer(new Uint8Array(32).fill(3))
const workers = [{ id: 'w1', operator: 'w1', publicKey: signer.publicKeyHex }]
const root = mkdtempSync(join(tmpdir(), 'warrant-honest-'))
let models: Record<'exact' | 'floating', ModelIdentity>
let logs = 0
beforeAll(async () => {
  models = { exact: await identifyModel('exact', exact), floating: await identifyModel('floating', floating) }
})
afterAll(() => rmSync(root, { recursive: true }))

const input = (values: number[] = Array.from({ length: 12 }, (_, i) => Math.sin(i))) => ({
  type: 'tensor' as const,
  tensor: float32Tensor(values, [1, 12]),
})
const workerOf = (file: Uint8Array): Worker =>
  createWorker({
    id: 'w1',
    signer,
    engine: onnxEngine,
    clock: { nowMs: () => Date.now() },
    modelFile: async () => file,
  })

/** A processor of another class: its last bit differs. */
const elsewhere: EnginePort = {
  ...onnxEngine,
  async load(identity, file) {
    const model = await onnxEngine.load(identity, file)
    return {
      ...model,
      async run(asked) {
        const output = await model.run(asked)
        const bytes = Buffer.from(output.data, 'base64')
        bytes[0] = (bytes[0] ?? 0) ^ 1
        return { ...output, data: bytes.toString('base64') }
      },
    }
  },
}

async function gatewayOver(
  queue: QueuePort,
  {
    which = 'exact',
    proof = 'replay',
    engine = onnxEngine,
    timeoutMs = 60_000,
  }: { which?: 'exact' | 'floating'; proof?: string; engine?: EnginePort; timeoutMs?: number } = {},
) {
  let passed = 0
  const file = which === 'exact' ? exact : floating
  const model = models[which]
  const clock = { nowMs: () => Date.now() + passed }
  const log = openLog({ dir: join(root, String(logs++)), origin: 'test.example/honest', signer, clock })
  const gateway = createGateway({
    log: log.startRun().appender('gateway'),
    queue,
    clock,
    models: [model],
    workers,
    proofOf: () => proof,
    putBlob: bytes => log.putBlob(bytes),
    checks: { kernels: nodeKernels(), randomWords, modelFile: async () => file, engine: () => engine },
    sealEvery: null,
    timeoutMs,
    requestIs: 'durable',
    signatures: 'atOnce',
  })
  const app = await serveGateway({
    gateway,
    models: [{ ...model, proof: { kind: proof, why: 'test' } }],
    apiKeys: [
      {
        agent: 'a',
        sha256: '2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b',
        perMinute: null,
        budget: null,
      },
    ],
    clock,
    prove: index => log.prove(index),
    blob: ref => log.blob(ref),
    modelFile: async () => file,
    logger: pino({ level: 'silent' }),
  })
  const post = async (body: object) => {
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/infer',
      headers: { authorization: 'Bearer secret' },
      payload: { model: model.name, ...body },
    })
    return { status: answer.statusCode, body: answer.json() }
  }
  const health = async () => (await app.inject({ url: '/health' })).json()
  const incidents = async () =>
    (await log.entries(0, log.size))
      .map(bytes => JSON.parse(Buffer.from(bytes).toString()))
      .filter(({ kind }) => kind === 'incident')
      .map(({ body }) => body.what)
  return {
    gateway,
    post,
    health,
    incidents,
    pass: (ms: number) => {
      passed += ms
    },
    async close() {
      await app.close()
      await queue.close()
      await log.close()
    },
  }
}

describe('base64 has one form', () => {
  test.each([
    ['AAD/', true],
    ['AAD_', false],
    ['AA-A', false],
    ['AAA=', true],
    ['AAB=', false],
    ['AA==', true],
    ['AB==', false],
    ['A===', false],
    ['AAA', false],
    ['AA\nA', false],
    ['', true],
  ])('%j: %s', (text, isCanonical) => {
    expect(isCanonicalBase64(text)).toBe(isCanonical)
  })

  test('a tensor in the url-safe form, or with bits behind its end, is none', () => {
    const data = toBase64(new Uint8Array(Float32Array.of(-1.7e38).buffer))
    for (const [text, ok] of [
      [data, true],
      ['__9_fw==', false],
      ['//9/fx==', false],
    ] as const)
      expect(tensor.safeParse({ dtype: 'float32', shape: [1], data: text }).success).toBe(ok)
  })
})

describe('what a request does wrong is no fault of a worker', () => {
  test.each(['replay', 'freivalds'])(
    '%s: one client sends the url-safe form, infinities, and other shapes',
    async proof => {
      const { post, health, close } = await gatewayOver(createInProcessQueue([workerOf(exact)]), { proof })
      const { tensor: good } = input([...Array.from({ length: 11 }, () => 1), -Math.fround(1.9999999)])
      const urlSafe = { ...good, data: good.data.replaceAll('+', '-').replaceAll('/', '_') }
      expect(urlSafe.data).not.toBe(good.data)
      const infinite = input(Array.from({ length: 12 }, () => Number.POSITIVE_INFINITY)).tensor
      for (let i = 0; i < 5; i++) {
        expect((await post({ input: { type: 'tensor', tensor: urlSafe } })).status).toBe(400)
        const { body } = await post({ input: { type: 'tensor', tensor: infinite } })
        expect(body.result).toMatchObject({ status: 'failed', reason: expect.stringContaining('not a finite number') })
        const other = await post({ input: { type: 'tensor', tensor: float32Tensor([1, 2], [1, 2]) } })
        expect(other.body.result).toMatchObject({ status: 'failed', reason: expect.stringContaining('expects') })
      }
      expect(await health()).toMatchObject({ ok: true, setAside: [] })
      expect((await post({ input: input() })).body.result.status).toBe('ok')
      await close()
    },
  )

  test('float bits that differ from this processor are not used, and convict nobody', async () => {
    const { post, health, incidents, close } = await gatewayOver(createInProcessQueue([workerOf(floating)]), {
      which: 'floating',
      engine: elsewhere,
    })
    for (let i = 0; i < 5; i++) {
      const { body } = await post({ input: input() })
      expect(body.result).toMatchObject({
        status: 'failed',
        reason: expect.stringContaining('which floating point may do'),
      })
    }
    expect(await health()).toMatchObject({ ok: true, setAside: [] })
    expect(await incidents()).toEqual([])
    await close()
  })

  test('a gateway that cannot run the model says so, and convicts nobody', async () => {
    const broken: EnginePort = { ...onnxEngine, load: () => Promise.reject(new Error('no memory')) }
    const { post, health, close } = await gatewayOver(createInProcessQueue([workerOf(exact)]), { engine: broken })
    for (let i = 0; i < 5; i++)
      expect((await post({ input: input() })).body.result).toMatchObject({
        reason: expect.stringContaining('no memory'),
      })
    expect(await health()).toMatchObject({ ok: true, setAside: [] })
    await close()
  })
})

/** Answers that somebody on the way spoils, while `on`. */
function spoilt(worker: Worker): Worker & { on: boolean } {
  const made = {
    ...worker,
    on: true,
    async run(jobs: Parameters<Worker['run']>[0]) {
      const results = await worker.run(jobs)
      return made.on
        ? results.map(result =>
            result instanceof Error
              ? result
              : { ...result, receipt: { ...result.receipt, signature: '00'.repeat(64) } },
          )
        : results
    },
  }
  return made
}

describe('the way back of a worker', () => {
  test('without blame it is left alone for ten minutes, /health says who and until when, then it gets jobs again', async () => {
    const worker = spoilt(workerOf(exact))
    const { post, health, incidents, pass, gateway, close } = await gatewayOver(createInProcessQueue([worker]))
    for (let i = 0; i < 3; i++) expect((await post({ input: input() })).body.result.status).toBe('failed')
    expect(await health()).toMatchObject({
      ok: false,
      setAside: [{ worker: 'w1', untilMs: expect.any(Number), why: expect.stringContaining('signature') }],
    })
    worker.on = false
    expect((await post({ input: input() })).body.result).toMatchObject({
      reason: expect.stringContaining('no worker is left'),
    })
    pass(10 * 60_000)
    expect((await post({ input: input() })).body.result.status).toBe('ok')
    expect(gateway.caught).toEqual([])
    expect(await incidents()).toEqual(['the answers of a worker did not hold', 'a worker gets jobs again'])
    await close()
  })

  test.skipIf(!hasRedis)(
    'over Redis by command: another gateway knows who is out, and the running worker comes back',
    async () => {
      const redis = await startRedis()
      const honest = workerOf(exact)
      const { publicKey } = honest
      const lying: Worker & { lies: boolean } = {
        ...honest,
        publicKey,
        lies: true,
        async run(jobs) {
          if (!lying.lies) return honest.run(jobs)
          // It answers another input, and signs that for this one.
          const other = createWorker({
            id: 'w1',
            signer,
            engine: {
              ...onnxEngine,
              load: async (identity, file) => {
                const model = await onnxEngine.load(identity, file)
                return { ...model, run: () => model.run(input([9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2]).tensor) }
              },
            },
            clock: { nowMs: () => Date.now() },
            modelFile: async () => exact,
          })
          return other.run(jobs)
        },
      }
      const running = await runBullWorker({ url: redis.url, worker: lying, concurrency: 4 })
      // Nobody else is there to ask: its request ends by its time.
      const first = await gatewayOver(await createBullQueue({ url: redis.url }), { timeoutMs: 8_000 })
      expect((await first.post({ input: input() })).body.result.status).not.toBe('ok')
      expect(first.gateway.aside).toMatchObject([{ worker: 'w1', untilMs: null }])
      lying.lies = false
      const second = await gatewayOver(await createBullQueue({ url: redis.url }))
      await second.gateway.refresh()
      expect(await second.health()).toMatchObject({ ok: false, setAside: [{ worker: 'w1', untilMs: null }] })
      expect(await readmitWorker({ url: redis.url, worker: 'w1' })).toBe(true)
      expect(await readmitWorker({ url: redis.url, worker: 'w1' })).toBe(false)
      for (const { gateway, health } of [first, second]) {
        await gateway.refresh()
        expect(await health()).toMatchObject({ ok: true, setAside: [] })
      }
      expect((await second.post({ input: input() })).body.result.status).toBe('ok')
      for (const { close } of [first, second]) await close()
      await running.close()
      await redis.stop()
    },
  )
})

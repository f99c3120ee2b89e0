import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { createGateway, type Gateway } from '#runtime/gateway/createGateway.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { compileModel } from '#runtime/model/compile/compileModel.ts'
import { median } from '#runtime/model/median.ts'
import { createBullQueue, runBullWorker } from '#runtime/queue/bullQueue.ts'
import { createInProcessQueue } from '#runtime/queue/inProcessQueue.ts'
import { createWorker } from '#runtime/worker/createWorker.ts'
import { loadIntModel } from '#runtime/worker/intModel.ts'
import { identifyModel, onnxEngine } from '#runtime/worker/onnxEngine.ts'
import type { EnginePort } from '#verifier/evidence/ports/engine.ts'
import type { QueuePort } from '#verifier/evidence/ports/queue.ts'
import { float32Tensor } from '#verifier/evidence/tensor.ts'
import { floatModel } from '../../attack/inference/floatModels.ts'
import { seededRandom } from '../../fault/seededRandom.ts'
import { hasRedis, startRedis } from '../../support/redis.ts'
import { atLeast, atMost, type Figure } from '../figure.ts'

const signer = ed25519Signer(new Uint8Array(32).fill(6))
const clock = { nowMs: () => Date.now() }
const CALLERS = 64

/** Requests before the clock starts: a gateway runs for long, and its code is compiled by then. */
const WARM = 2_000

/** What the gateway adds to a session's call, and what it lets through. */
export async function gatewayFigures(reference: {
  file: Uint8Array
  session: InferenceSession
  width: number
}): Promise<Figure[]> {
  const root = mkdtempSync(join(tmpdir(), 'warrant-bench-'))
  const random = seededRandom(3)
  const small = floatModel([1, 64], random)
  const source = small.finish(small.linear(small.op('Relu', [small.linear('x', 64, 128)]), 128, 3))
  const samples = Float32Array.from({ length: 64 * 64 }, () => 4 * random() - 2)
  const { file } = await compileModel(source, { shape: [64, 64], data: samples })
  const values = Array.from(samples.subarray(0, 64))
  const figures: Figure[] = []

  const session = await InferenceSession.create(file, { intraOpNumThreads: 1, logSeverityLevel: 4 })
  const feeds = { x: new OrtTensor('float32', Float32Array.from(values), [1, 64]) }
  const directMs = await median(500, () => session.run(feeds))
  await session.release()

  let logs = 0
  async function withGateway<T>(
    bytes: Uint8Array,
    queue: QueuePort,
    work: (gateway: Gateway) => Promise<T>,
  ): Promise<T> {
    const log = openLog({ dir: join(root, String(logs++)), origin: 'bench.example/gateway', signer, clock })
    const gateway = createGateway({
      log: log.startRun().appender('gateway'),
      queue,
      clock,
      models: [await identifyModel('model', bytes)],
      workers: [{ id: 'w1', operator: 'w1', publicKey: signer.publicKeyHex }],
      proofOf: () => 'freivalds',
      putBlob: blob => log.putBlob(blob),
      checks: null,
      sealEvery: null,
      timeoutMs: 60_000,
      requestIs: 'ordered',
      signatures: 'byVerifier',
    })
    const result = await work(gateway)
    await queue.close()
    await log.close()
    return result
  }
  const workerOf = (bytes: Uint8Array, engine: EnginePort = onnxEngine) =>
    createWorker({ id: 'w1', signer, engine, clock, modelFile: async () => bytes })
  const ask = async (gateway: Gateway, tensor: ReturnType<typeof float32Tensor>, tick = 0) => {
    const { result } = await gateway.infer({
      agent: 'a',
      tick,
      observation: null,
      model: 'model',
      input: { type: 'tensor', tensor },
    })
    if (result.status !== 'ok') throw new Error(result.reason)
  }
  const tensor = float32Tensor(values, [1, 64])

  const warm = async (gateway: Gateway) => {
    for (let i = 0; i < WARM; i++) await ask(gateway, tensor)
  }

  const inProcessMs = await withGateway(file, createInProcessQueue([workerOf(file)]), async gateway => {
    await warm(gateway)
    return median(1_000, () => ask(gateway, tensor))
  })
  const baseline = `a session's own call: ${directMs.toFixed(3)} ms`
  figures.push({
    ...atMost(
      'gateway-latency-inprocess',
      inProcessMs - directMs,
      'ms added, p50',
      0.7,
      `MLP 64-128-3; logged, signed, traced; after ${WARM} requests`,
    ),
    baseline,
  })

  const rate = await withGateway(file, createInProcessQueue([workerOf(file)]), async gateway => {
    await warm(gateway)
    const each = 250
    const since = performance.now()
    await Promise.all(
      Array.from({ length: CALLERS }, async () => {
        for (let i = 0; i < each; i++) await ask(gateway, tensor, i)
      }),
    )
    return (1_000 * CALLERS * each) / (performance.now() - since)
  })
  figures.push({
    ...atLeast(
      'gateway-rate',
      rate,
      'requests/s',
      8_000,
      `${CALLERS} callers in this process, each answer with its receipt and trace in the log`,
    ),
    baseline,
  })

  if (hasRedis) {
    const redis = await startRedis()
    const worker = await runBullWorker({ url: redis.url, worker: workerOf(file), concurrency: 8 })
    const redisMs = await withGateway(file, await createBullQueue({ url: redis.url }), async gateway => {
      for (let i = 0; i < 300; i++) await ask(gateway, tensor)
      return median(300, () => ask(gateway, tensor))
    })
    await worker.close()
    redis.stop()
    figures.push({
      ...atMost(
        'gateway-latency-redis',
        redisMs - directMs,
        'ms added, p50',
        3,
        'the same through BullMQ on a local Redis',
      ),
      baseline,
    })
  }

  // The reference model, two threads on both sides.
  const twoThreads: EnginePort = {
    ...onnxEngine,
    load: (identity, bytes) => loadIntModel(identity, bytes, { threads: 2 }),
  }
  const wide = float32Tensor(
    Array.from({ length: reference.width }, (_, i) => Math.sin(i)),
    [1, reference.width],
  )
  const batch = new OrtTensor('float32', new Float32Array(CALLERS * reference.width).fill(0.5), [
    CALLERS,
    reference.width,
  ])
  const directBatchMs = await median(7, () => reference.session.run({ x: batch }))
  const throughput = await withGateway(
    reference.file,
    createInProcessQueue([workerOf(reference.file, twoThreads)]),
    async gateway => {
      await ask(gateway, wide)
      const waves = 5
      const since = performance.now()
      await Promise.all(
        Array.from({ length: CALLERS }, async () => {
          for (let i = 0; i < waves; i++) await ask(gateway, wide, i)
        }),
      )
      return (CALLERS * waves) / (performance.now() - since)
    },
  )
  figures.push({
    ...atLeast(
      'gateway-throughput',
      (throughput * directBatchMs) / CALLERS,
      '× direct',
      0.85,
      'the reference model in integers, 64 callers, traces logged',
    ),
    baseline: `a session's batch of 64: ${directBatchMs.toFixed(1)} ms`,
  })
  rmSync(root, { recursive: true })
  return figures
}

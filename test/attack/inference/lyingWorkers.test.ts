import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeKernels, randomWords } from '#runtime/crypto/nodeKernels.ts'
import { createGateway } from '#runtime/gateway/createGateway.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { createBullQueue } from '#runtime/queue/bullQueue.ts'
import { identifyModel, onnxEngine } from '#runtime/worker/onnxEngine.ts'
import { toBase64 } from '#verifier/evidence/bytes.ts'
import { decodeRecord } from '#verifier/evidence/record.ts'
import { float32Tensor } from '#verifier/evidence/tensor.ts'
import { readIntGraph } from '#verifier/model/intGraph.ts'
import { runGraph } from '#verifier/model/runGraph.ts'
import { hasRedis, startRedis } from '../../support/redis.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
const MODELS = join(ROOT, 'strategies/trend-follower')
const REQUESTS = 300

describe.skipIf(!hasRedis)('three worker processes over Redis, one lies 30 % of the time (needs redis-server)', () => {
  const root = mkdtempSync(join(tmpdir(), 'warrant-liars-'))
  let children: ChildProcess[] = []
  let redis: Awaited<ReturnType<typeof startRedis>>
  beforeEach(async () => {
    redis = await startRedis()
  })
  afterEach(() => {
    for (const child of children) child.kill('SIGKILL')
    children = []
    redis?.stop()
  })
  afterAll(() => rmSync(root, { recursive: true }))

  const started = async (args: string[]): Promise<{ id: string; publicKey: string }> => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore', 'ipc'] })
    children.push(child)
    const line = await new Promise<string>((done, fail) => {
      child.stdout?.once('data', chunk => done(String(chunk)))
      child.once('exit', code => fail(new Error(`worker ended with ${code}`)))
    })
    return JSON.parse(line)
  }
  const honestWorker = (id: string) =>
    started([
      join(ROOT, 'dist/runtime/cli/main.js'),
      ...['worker', '--redis', redis.url, '--key', join(root, `${id}.key`), '--models', MODELS, '--id', id],
    ])

  test.each(['freivalds', 'replay'])(
    '%s: every request ends in one terminal state, no wrong output is accepted, the liar alone is named in the log',
    async kind => {
      const workers = await Promise.all([
        honestWorker('one'),
        honestWorker('two'),
        started([
          join(ROOT, 'dist/test/attack/inference/lyingBullWorker.js'),
          redis.url,
          'liar',
          '4c'.repeat(32),
          '0.3',
          MODELS,
        ]),
      ])
      const file = readFileSync(join(MODELS, 'model.onnx'))
      const model = await identifyModel('trend', file)
      const graph = readIntGraph(file)
      const signer = ed25519Signer(new Uint8Array(32).fill(9))
      const clock = { nowMs: () => Date.now() }
      const log = openLog({ dir: join(root, kind), origin: 'test.example/liars', signer, clock })
      const queue = await createBullQueue({ url: redis.url })
      const gateway = createGateway({
        log: log.startRun().appender('gateway'),
        queue,
        clock,
        models: [model],
        workers: workers.map(worker => ({ ...worker, operator: worker.id })),
        proofOf: () => kind,
        putBlob: bytes => log.putBlob(bytes),
        checks: { kernels: nodeKernels(), randomWords, modelFile: async () => file, engine: () => onnxEngine },
        sealEvery: null,
        timeoutMs: 60_000,
        requestIs: 'durable',
        signatures: 'atOnce',
      })
      const inputs = Array.from({ length: REQUESTS }, (_, i) =>
        Array.from({ length: 12 }, (_, j) => 2 * Math.sin(i * 13 + j)),
      )
      const answers = []
      // In waves: the liar is caught in one and still answers in the next.
      for (let from = 0; from < REQUESTS; from += 50)
        answers.push(
          ...(await Promise.all(
            inputs.slice(from, from + 50).map((values, i) =>
              gateway.infer({
                agent: 'a',
                tick: from + i,
                observation: null,
                model: 'trend',
                input: { type: 'tensor', tensor: float32Tensor(values, [1, 12]) },
              }),
            ),
          )),
        )
      for (const [i, { result }] of answers.entries()) {
        const right = runGraph(graph, { shape: [1, 12], data: Float32Array.from(inputs[i] as number[]) })
        expect(result.status).toBe('ok')
        if (result.status === 'ok' && result.output.type === 'tensor')
          expect(result.output.tensor.data).toBe(toBase64(new Uint8Array(right.buffer)))
      }
      expect(gateway.caught).toEqual(['liar'])

      const records = (await log.entries(0, log.size)).map(decodeRecord)
      const numbers = records.flatMap(record => (record.kind === 'response' ? [record.body.number] : []))
      expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: REQUESTS }, (_, i) => i))
      const incidents = records.flatMap(record => (record.kind === 'incident' ? [record.body] : []))
      expect(incidents.length).toBe(1)
      expect(incidents[0]).toMatchObject({
        what: 'a worker lied',
        caughtBy: 'gateway',
        reason: expect.stringContaining('worker liar'),
      })
      // Honest answers of the liar before it was caught may stand; none after it.
      const caughtAt = records.findIndex(record => record.kind === 'incident')
      const later = records
        .slice(caughtAt)
        .flatMap(record =>
          record.kind === 'response' && record.body.result.status === 'ok'
            ? [record.body.result.receipt.statement.worker]
            : [],
        )
      expect(later).not.toContain('liar')
      await queue.close()
      await log.close()
    },
    120_000,
  )
})

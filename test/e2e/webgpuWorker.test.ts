import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decodeBase64, encodeBase64 } from '#runtime/crypto/base64.ts'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeKernels, randomWords } from '#runtime/crypto/nodeKernels.ts'
import { createGateway } from '#runtime/gateway/createGateway.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { compileModel } from '#runtime/model/compile/compileModel.ts'
import { createBullQueue } from '#runtime/queue/bullQueue.ts'
import { identifyModel } from '#runtime/worker/onnxEngine.ts'
import { readIntGraph } from '#verifier/model/intGraph.ts'
import { runGraph } from '#verifier/model/runGraph.ts'
import { floatModel, randomSamples } from '../attack/inference/floatModels.ts'
import { FAMILIES } from '../attack/inference/intModels.ts'
import { seededRandom } from '../fault/seededRandom.ts'
import { hasRedis, startRedis } from '../support/redis.ts'

// The Vulkan that Chromium brings draws in software: WebGPU without a graphics card, with kernels of its own.
const CHROMIUM = '/usr/lib/chromium'
const ICD = join(CHROMIUM, 'vk_swiftshader_icd.json')
const WORKER = [resolve(import.meta.dirname, '../../dist/runtime/cli/main.js'), 'worker']
const root = mkdtempSync(join(tmpdir(), 'warrant-webgpu-'))
const withVulkan = { ...process.env, VK_ICD_FILENAMES: ICD, LD_LIBRARY_PATH: CHROMIUM, XDG_RUNTIME_DIR: root }
afterAll(() => rmSync(root, { recursive: true, force: true }))

test('a provider or an attestation that is not here is refused before anything is served, and says so', () => {
  const args = [...WORKER, '--redis', 'redis://127.0.0.1:1', '--key', join(root, 'k'), '--models', root]
  const absent = spawnSync(process.execPath, [...args, '--provider', 'cuda'], { encoding: 'utf8' })
  expect([absent.status, absent.stderr]).toEqual([2, expect.stringContaining('provider cuda does not start')])
  const unknown = spawnSync(process.execPath, [...args, '--provider', 'tpu'], { encoding: 'utf8' })
  expect([unknown.status, unknown.stderr]).toEqual([2, expect.stringContaining('there are cpu, cuda, webgpu')])
  const models = resolve(import.meta.dirname, '../../strategies/trend-follower')
  const given = [...WORKER, '--redis', 'redis://127.0.0.1:1', '--key', join(root, 'k'), '--models', models]
  const unattested = spawnSync(process.execPath, [...given, '--attestation', join(root, 'none')], { encoding: 'utf8' })
  expect([unattested.status, unattested.stderr]).toEqual([2, expect.stringContaining('attestation cannot be read')])
})

describe.skipIf(!hasRedis || !existsSync(ICD))(
  'a worker on WebGPU (needs redis-server, and chromium for its Vulkan)',
  () => {
    let redis: Awaited<ReturnType<typeof startRedis>>
    let worker: ChildProcess | undefined
    const made: { name: string; file: Uint8Array; shape: number[] }[] = []

    beforeAll(async () => {
      redis = await startRedis()
      mkdirSync(join(root, 'models'))
      const random = seededRandom(11)
      // Sums of more than 1,024 products are cut into pieces there.
      const wide = floatModel([1, 2_500], random)
      const sources = {
        ...Object.fromEntries(Object.entries(FAMILIES).map(([name, make]) => [name, make(random)])),
        wide: {
          file: wide.finish(wide.linear(wide.op('Relu', [wide.linear('x', 2_500, 9)]), 9, 4)),
          shape: [1, 2_500],
        },
      }
      for (const [name, source] of Object.entries(sources)) {
        const { file } = await compileModel(source.file, randomSamples(64, source.shape, random))
        writeFileSync(join(root, 'models', `${name}.onnx`), file)
        made.push({ name, file, shape: source.shape })
      }
    })
    afterAll(async () => {
      worker?.kill('SIGKILL')
      await redis.stop()
    })

    test('gives the reference’s bits on every family of models, and the checks hold', async () => {
      worker = spawn(
        process.execPath,
        [
          ...WORKER,
          '--redis',
          redis.url,
          '--key',
          join(root, 'key'),
          '--models',
          join(root, 'models'),
          '--provider',
          'webgpu',
        ],
        { stdio: ['ignore', 'pipe', 'inherit'], env: withVulkan },
      )
      const child = worker
      const { publicKey } = JSON.parse(
        await new Promise<string>((done, fail) => {
          child.stdout?.once('data', chunk => done(String(chunk)))
          child.once('exit', code => fail(new Error(`the worker ended with ${code}`)))
        }),
      ) as { publicKey: string }
      const signer = ed25519Signer(new Uint8Array(32).fill(7))
      const clock = { nowMs: () => Date.now() }
      const log = openLog({ dir: join(root, 'log'), origin: 'test.example/webgpu', signer, clock })
      const queue = await createBullQueue({ url: redis.url })
      const models = await Promise.all(made.map(({ name, file }) => identifyModel(name, file)))
      const gateway = createGateway({
        log: log.startRun().appender('gateway'),
        queue,
        clock,
        models,
        workers: [{ id: 'worker-1', operator: 'one', publicKey }],
        proofOf: () => 'freivalds',
        putBlob: bytes => log.putBlob(bytes),
        checks: {
          kernels: nodeKernels(),
          randomWords,
          engine: () => null,
          modelFile: async ({ name }) => made.find(model => model.name === name)?.file as Uint8Array,
        },
        sealEvery: null,
        timeoutMs: 60_000,
        requestIs: 'ordered',
        signatures: 'atOnce',
      })
      const random = seededRandom(12)
      for (const { name, file, shape } of made) {
        const { data } = randomSamples(1, shape, random)
        const tensor = { dtype: 'float32' as const, shape, data: encodeBase64(new Uint8Array(data.buffer)) }
        const { result } = await gateway.infer({
          agent: 'a',
          tick: 0,
          observation: null,
          model: name,
          input: { type: 'tensor', tensor },
        })
        if (result.status !== 'ok' || result.output.type !== 'tensor')
          throw new Error(`${name}: ${JSON.stringify(result)}`)
        expect(result.receipt.statement.runtime, name).toMatch(/\/webgpu$/)
        const output = new Float32Array(decodeBase64(result.output.tensor.data).buffer)
        expect(Array.from(output), name).toEqual(Array.from(runGraph(readIntGraph(file), { shape, data })))
      }
      expect(gateway.caught).toEqual([])
      await queue.close()
      await log.close()
    }, 120_000)
  },
)

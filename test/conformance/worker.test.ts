import { createHash, createPublicKey, verify } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { compileModel } from '#runtime/model/compile/compileModel.ts'
import { encodeJobResult } from '#runtime/queue/jobSchema.ts'
import { createWorker } from '#runtime/worker/createWorker.ts'
import { identifyModel, onnxEngine } from '#runtime/worker/onnxEngine.ts'
import { payloadDigest } from '#verifier/evidence/payloadDigest.ts'
import type { Job, JobResult } from '#verifier/evidence/ports/queue.ts'
import { float32Tensor } from '#verifier/evidence/tensor.ts'
import { floatModel, randomSamples } from '../attack/inference/floatModels.ts'
import { seededRandom } from '../fault/seededRandom.ts'

// The exchange that docs/worker-protocol.md describes. UPDATE_VECTORS=1 writes it anew.
const PATH = join(import.meta.dirname, 'vectors/worker.json')
const SEED = '07'.repeat(32)

type Vectors = {
  seed: string
  publicKey: string
  modelFile: string
  jobs: Job[]
  results: ReturnType<typeof encodeJobResult>[]
}
let vectors: Vectors

/** What this package's worker answers, its clock standing still. */
async function answers(file: Uint8Array, jobs: Job[]): Promise<Vectors['results']> {
  const worker = createWorker({
    id: 'worker-1',
    signer: ed25519Signer(Buffer.from(SEED, 'hex')),
    engine: { ...onnxEngine, runtime: 'vectors' },
    clock: { nowMs: () => 1_700_000_000_000 },
    modelFile: async () => file,
  })
  const results = await worker.run(jobs)
  await worker.close()
  return results.map(result => encodeJobResult(result as JobResult))
}

beforeAll(async () => {
  if (process.env.UPDATE_VECTORS !== undefined || !existsSync(PATH)) {
    const random = seededRandom(11)
    const model = floatModel([1, 4], random)
    const source = model.finish(model.linear(model.op('Relu', [model.linear('x', 4, 5)]), 5, 2))
    const { file } = await compileModel(source, randomSamples(32, [1, 4], random))
    const identity = await identifyModel('vector', file)
    const jobs = [0, 1, 2].map((i): Job => {
      const input = { type: 'tensor' as const, tensor: float32Tensor([i, 0.5, -1.25, 0.75 * i], [1, 4]) }
      const nonce = createHash('sha256').update(`request ${i}`).digest('hex')
      return {
        v: 1,
        nonce,
        model: identity,
        input,
        inputDigest: payloadDigest(input),
        proofKind: 'freivalds',
        deadlineMs: 1_800_000_000_000,
      }
    })
    const results = await answers(file, jobs)
    const publicKey = ed25519Signer(Buffer.from(SEED, 'hex')).publicKeyHex
    writeFileSync(
      PATH,
      `${JSON.stringify({ seed: SEED, publicKey, modelFile: Buffer.from(file).toString('base64'), jobs, results }, null, 1)}\n`,
    )
  }
  vectors = JSON.parse(readFileSync(PATH, 'utf8'))
})

test("this package's worker gives the vectors", async () => {
  expect(await answers(Buffer.from(vectors.modelFile, 'base64'), vectors.jobs)).toEqual(vectors.results)
})

test('they follow from SHA-256, Ed25519 and the two documents alone', () => {
  const sha = (...parts: (string | Uint8Array)[]) =>
    parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()
  const domain = (name: string, bytes: string | Uint8Array) => sha(`warrant/${name}/v1\0`, bytes).toString('hex')
  /** Members here are strings, numbers and nulls: sorting them is all of RFC 8785 that is needed. */
  const canonical = (value: unknown): string =>
    value === null || typeof value !== 'object'
      ? JSON.stringify(value)
      : Array.isArray(value)
        ? `[${value.map(canonical).join(',')}]`
        : `{${Object.keys(value)
            .sort()
            .map(key => `${JSON.stringify(key)}:${canonical((value as Record<string, unknown>)[key])}`)
            .join(',')}}`

  const file = Buffer.from(vectors.modelFile, 'base64')
  const key = createPublicKey({
    key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(vectors.publicKey, 'hex')]),
    format: 'der',
    type: 'spki',
  })
  const leaves = vectors.results.map(({ receipt }) => sha(Uint8Array.of(0), canonical(receipt.statement)))
  const [a, b, c] = leaves as [Buffer, Buffer, Buffer]
  const root = sha(Uint8Array.of(1), sha(Uint8Array.of(1), a, b), c).toString('hex')
  for (const [i, { output, receipt, trace }] of vectors.results.entries()) {
    const job = vectors.jobs[i] as Job
    const { statement, batch, signature } = receipt
    if (output.type !== 'tensor' || job.input.type !== 'tensor') throw new Error('tensors only')
    expect(statement).toMatchObject({
      nonce: job.nonce,
      model: domain('model', file),
      inputDigest: domain('tensor', canonical(job.input.tensor)),
      outputDigest: domain('tensor', canonical(output.tensor)),
      traceDigest: domain('trace', Buffer.from(trace ?? '', 'base64')),
      proofKind: 'freivalds',
    })
    expect(Buffer.from(trace ?? '', 'base64').length).toBe(4 * (5 + 2))
    expect(batch).toMatchObject({ size: 3, index: i, root })
    const message = Buffer.concat([
      Buffer.from('warrant/receipt-batch/v1\0'),
      Buffer.from(canonical({ root, size: 3 })),
    ])
    expect(verify(null, message, key, Buffer.from(signature, 'hex'))).toBe(true)
  }
})

// A worker process that lies in a share of its answers, signs them with its own key, and does not step aside when told.
// usage: lyingBullWorker REDIS_URL ID SEED_HEX SHARE MODELS_DIR
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Job as BullJob, Worker as BullWorker } from 'bullmq'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { connectRedis, QUEUE_NAME } from '#runtime/queue/bullQueue.ts'
import { encodeJobResult } from '#runtime/queue/jobSchema.ts'
import { createWorker } from '#runtime/worker/createWorker.ts'
import { onnxEngine } from '#runtime/worker/onnxEngine.ts'
import { signReceipts } from '#runtime/worker/receiptBatch.ts'
import { fromBase64, toBase64 } from '#verifier/evidence/bytes.ts'
import { digestBytes } from '#verifier/evidence/digest.ts'
import { payloadDigest } from '#verifier/evidence/payloadDigest.ts'
import type { Job, JobResult } from '#verifier/evidence/ports/queue.ts'
import type { Tensor } from '#verifier/evidence/tensor.ts'
import { readIntGraph } from '#verifier/model/intGraph.ts'
import { runGraph } from '#verifier/model/runGraph.ts'
import { seededRandom } from '../../fault/seededRandom.ts'

const [url = '', id = '', seed = '', share = '0', models = ''] = process.argv.slice(2)
const file = readFileSync(join(models, 'model.onnx'))
const graph = readIntGraph(file)
const signer = ed25519Signer(Buffer.from(seed, 'hex'))
const honest = createWorker({
  id,
  signer,
  engine: onnxEngine,
  clock: { nowMs: () => Date.now() },
  modelFile: async () => file,
})
const random = seededRandom(1)

/** The honest answer with one accumulator changed, and everything after it made to fit; without a trace, another output. */
function lie(job: Job, { output, receipt, trace }: JobResult): JobResult {
  if (job.input.type !== 'tensor' || output.type !== 'tensor') throw new Error('tensors only')
  if (trace === null) {
    const values = new Float32Array(new Uint8Array(fromBase64(output.tensor.data)).buffer)
    return forgedAs(
      output.tensor,
      values.map(value => value + 0.5),
      { receipt, trace },
    )
  }
  const bytes = new Uint8Array(trace)
  const words = new Int32Array(bytes.buffer)
  const last = words.length - 1
  words[last] = (words[last] as number) + 5_000
  let at = 0
  const values = runGraph(
    graph,
    { shape: job.input.tensor.shape, data: new Float32Array(new Uint8Array(fromBase64(job.input.tensor.data)).buffer) },
    {
      multiply: call => {
        const size = call.dims.reduce((a, b) => a * b, 1)
        at += size
        return words.subarray(at - size, at)
      },
    },
  )
  return forgedAs(output.tensor, values, { receipt, trace: bytes })
}

function forgedAs(
  honest: Tensor,
  values: Float32Array,
  { receipt, trace }: Pick<JobResult, 'receipt' | 'trace'>,
): JobResult {
  const output = { type: 'tensor' as const, tensor: { ...honest, data: toBase64(new Uint8Array(values.buffer)) } }
  const statement = {
    ...receipt.statement,
    outputDigest: payloadDigest(output, nodeCrypto),
    traceDigest: trace === null ? null : digestBytes('trace', trace, nodeCrypto),
  }
  const [signed] = signReceipts(signer, [statement])
  return { v: 1, output, receipt: signed as JobResult['receipt'], trace, attestation: null }
}

const connection = await connectRedis(url)
const bull = new BullWorker(
  QUEUE_NAME,
  async (bullJob: BullJob): Promise<unknown> => {
    const job = bullJob.data as Job
    const [answer] = await honest.run([job])
    if (answer === undefined || answer instanceof Error) throw answer
    return encodeJobResult(random() < Number(share) ? lie(job, answer) : answer)
  },
  { connection: connection as never, prefix: 'warrant', concurrency: 8 },
)
await bull.waitUntilReady()
process.stdout.write(`${JSON.stringify({ id, publicKey: signer.publicKeyHex })}\n`)

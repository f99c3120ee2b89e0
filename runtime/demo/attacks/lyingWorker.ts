import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { signReceipts } from '#runtime/worker/receiptBatch.ts'
import { toBase64 } from '#verifier/evidence/bytes.ts'
import { digestBytes } from '#verifier/evidence/digest.ts'
import { payloadDigest } from '#verifier/evidence/payloadDigest.ts'
import type { Job } from '#verifier/evidence/ports/queue.ts'
import { float32Tensor } from '#verifier/evidence/tensor.ts'

/** Of the demo's model: layers of 24, 16 and 1. */
const ACCUMULATORS = 41

/** Holds a listed worker's key. Answers every job with an output of its own making, signed as if the model had given it. */
export async function lyingWorker({ seed, id }: { seed: string; id: string }): Promise<{ url: string }> {
  const signer = ed25519Signer(Buffer.from(seed, 'hex'))
  const app = fastify()
  // Up, then down: whatever the treasury holds, one of them makes it trade.
  let lies = 0
  app.post('/v1/jobs', async request =>
    (request.body as Job[]).map(job => {
      const output = { type: 'tensor' as const, tensor: float32Tensor([lies++ % 2 === 0 ? 2.5 : -2.5], [1, 1]) }
      // It has a trace for every lie; nobody can make one that fits.
      const trace = new Uint8Array(4 * ACCUMULATORS)
      const [receipt] = signReceipts(signer, [
        {
          nonce: job.nonce,
          model: job.model.digest,
          numeric: job.model.numeric,
          inputDigest: job.inputDigest,
          outputDigest: payloadDigest(output),
          proofKind: job.proofKind,
          traceDigest: digestBytes('trace', trace),
          worker: id,
          runtime: 'onnxruntime-node/cpu',
          startedMs: job.deadlineMs - 10_000,
          finishedMs: job.deadlineMs - 10_000,
        },
      ])
      return { v: 1, output, receipt, trace: toBase64(trace) }
    }),
  )
  await app.listen({ host: '127.0.0.1', port: 0 })
  return { url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}` }
}

import type { Ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { digestBytes } from '#verifier/evidence/digest.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { payloadDigest } from '#verifier/evidence/payloadDigest.ts'
import type { Clock } from '#verifier/evidence/ports/clock.ts'
import type { EnginePort, LoadedModel } from '#verifier/evidence/ports/engine.ts'
import type { Job, JobResult } from '#verifier/evidence/ports/queue.ts'
import type { ReceiptStatement } from '#verifier/evidence/records/receipt.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import { signReceipts } from './receiptBatch.ts'

/** Executes jobs and signs what it did. Never touches keys other than its own, or money. */
export type Worker = {
  readonly id: string
  readonly publicKey: string
  /** Answers in the order of the jobs; a job that fails gives an error in its place. One signature covers the batch. */
  run(jobs: readonly Job[]): Promise<(JobResult | WarrantError)[]>
  close(): Promise<void>
}

export type CreateWorkerParameters = {
  id: string
  signer: Ed25519Signer
  engine: EnginePort
  clock: Clock
  /** Fetches a model file by its identity; the worker checks its digest. */
  modelFile(identity: ModelIdentity): Promise<Uint8Array>
}

/** Creates a worker over an engine. */
export function createWorker({ id, signer, engine, clock, modelFile }: CreateWorkerParameters): Worker {
  const models = new Map<string, Promise<LoadedModel>>()

  function load(identity: ModelIdentity): Promise<LoadedModel> {
    let model = models.get(identity.digest)
    if (model === undefined) {
      model = loadChecked(identity)
      models.set(identity.digest, model)
      model.catch(() => models.delete(identity.digest))
    }
    return model
  }

  async function loadChecked(identity: ModelIdentity): Promise<LoadedModel> {
    if (identity.numeric !== engine.numeric) {
      throw new WarrantError(
        'WORKER_FAILED',
        `worker ${id} runs ${engine.numeric}, the model asks for ${identity.numeric}`,
      )
    }
    const file = await modelFile(identity)
    if (digestBytes('model', file, nodeCrypto) !== identity.digest) {
      throw new WarrantError(
        'WORKER_FAILED',
        `worker ${id}: the file of model ${identity.name} does not have its digest`,
      )
    }
    return engine.load(identity, file)
  }

  async function execute(job: Job): Promise<{ job: Job; output: JobResult['output']; statement: ReceiptStatement }> {
    const startedMs = clock.nowMs()
    if (job.input.type !== 'tensor') throw new WarrantError('WORKER_FAILED', `worker ${id} runs tensor models only`)
    const model = await load(job.model)
    const output = { type: 'tensor' as const, tensor: await model.run(job.input.tensor) }
    return {
      job,
      output,
      statement: {
        nonce: job.nonce,
        model: job.model.digest,
        numeric: engine.numeric,
        // What it really ran on, whatever the job says its digest is.
        inputDigest: payloadDigest(job.input, nodeCrypto),
        outputDigest: payloadDigest(output, nodeCrypto),
        proofKind: job.proofKind,
        traceDigest: null,
        worker: id,
        runtime: engine.numeric,
        startedMs,
        finishedMs: clock.nowMs(),
      },
    }
  }

  return {
    id,
    publicKey: signer.publicKeyHex,
    async run(jobs) {
      const results = await Promise.all(
        jobs.map(job =>
          execute(job).catch((cause: unknown) =>
            cause instanceof WarrantError
              ? cause
              : new WarrantError('WORKER_FAILED', `worker ${id} failed`, { cause, retry: 'safe' }),
          ),
        ),
      )
      const statements = results.flatMap(result => (result instanceof WarrantError ? [] : [result.statement]))
      const receipts = statements.length > 0 ? signReceipts(signer, statements) : []
      let next = 0
      return results.map(result => {
        if (result instanceof WarrantError) return result
        return { v: 1, output: result.output, receipt: receipts[next++] as (typeof receipts)[number] }
      })
    },
    async close() {
      for (const model of models.values()) await (await model).close()
    },
  }
}

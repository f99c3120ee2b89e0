import type { Ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { digestBytes } from '#verifier/evidence/digest.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { payloadDigest } from '#verifier/evidence/payloadDigest.ts'
import type { Clock } from '#verifier/evidence/ports/clock.ts'
import type { EnginePort, LoadedModel } from '#verifier/evidence/ports/engine.ts'
import type { Job, JobResult } from '#verifier/evidence/ports/queue.ts'
import { kindsIn } from '#verifier/evidence/records/proof.ts'
import type { ReceiptStatement } from '#verifier/evidence/records/receipt.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import type { Tensor } from '#verifier/evidence/tensor.ts'
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
  /** What this machine's vendor signed about its key, for jobs that ask for `tee`: see `attestedKey` for what it binds. */
  attestation?: (() => Uint8Array) | undefined
}

/** Kinds for which the accumulators are kept. */
const TRACED: ReadonlySet<string> = new Set(['freivalds', 'refereed'])

/** What a worker says of a chat. */
export function tensorsOnly(id: string): WarrantError {
  return new WarrantError('WORKER_FAILED', `worker ${id} runs tensor models only`)
}

/** Creates a worker over an engine. */
export function createWorker({ id, signer, engine, clock, modelFile, attestation }: CreateWorkerParameters): Worker {
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
    if (!engine.supports(identity.numeric)) {
      throw new WarrantError(
        'WORKER_FAILED',
        `worker ${id} runs ${engine.runtime}, the model asks for ${identity.numeric}`,
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

  /** @throws WORKER_FAILED */
  function attested({ proofKind }: Job): JobResult['attestation'] {
    if (!kindsIn(proofKind).includes('tee')) return null
    if (attestation === undefined)
      throw new WarrantError('WORKER_FAILED', `worker ${id} has no attestation`, { retry: 'safe' })
    return { document: attestation(), publicKey: null }
  }

  type Done = { output: JobResult['output']; statement: ReceiptStatement; trace: Uint8Array | null }

  function done(job: Job, output: Tensor, trace: Uint8Array | null, startedMs: number): Done {
    const result = { type: 'tensor' as const, tensor: output }
    return {
      output: result,
      trace,
      statement: {
        nonce: job.nonce,
        model: job.model.digest,
        numeric: job.model.numeric,
        // What it really ran on, whatever the job says its digest is.
        inputDigest: payloadDigest(job.input, nodeCrypto),
        outputDigest: payloadDigest(result, nodeCrypto),
        proofKind: job.proofKind,
        traceDigest: trace === null ? null : digestBytes('trace', trace, nodeCrypto),
        worker: id,
        runtime: engine.runtime,
        startedMs,
        finishedMs: clock.nowMs(),
      },
    }
  }

  async function execute(job: Job): Promise<Done> {
    const startedMs = clock.nowMs()
    const model = await load(job.model)
    return done(job, await model.run(inputOf(job)), null, startedMs)
  }

  /** Jobs of one model together: their rows do not depend on each other. */
  async function executeTraced(jobs: readonly Job[]): Promise<(Done | WarrantError)[]> {
    const startedMs = clock.nowMs()
    const [first] = jobs as [Job]
    const model = await load(first.model)
    if (model.runTraced === undefined)
      throw new WarrantError('WORKER_FAILED', `worker ${id}: model ${first.model.name} leaves no trace`)
    const { runTraced } = model
    const inputs = jobs.map(inputOf)
    const results = await runTraced(inputs).catch(async (cause: unknown) => {
      if (jobs.length === 1) throw cause
      // One bad input must not fail the others.
      return Promise.all(inputs.map(async input => runTraced([input]).then(([result]) => result, failure)))
    })
    return results.map((result, i) => {
      if (result === undefined) return failure(null)
      return result instanceof WarrantError ? result : done(jobs[i] as Job, result.output, result.trace, startedMs)
    })
  }

  const failure = (cause: unknown): WarrantError =>
    cause instanceof WarrantError
      ? cause
      : new WarrantError('WORKER_FAILED', `worker ${id} failed`, { cause, retry: 'safe' })

  function inputOf(job: Job): Tensor {
    if (job.input.type !== 'tensor') throw tensorsOnly(id)
    return job.input.tensor
  }

  return {
    id,
    publicKey: signer.publicKeyHex,
    async run(jobs) {
      const results: (Done | WarrantError)[] = []
      const traced = new Map<string, number[]>()
      const single: number[] = []
      for (const [i, job] of jobs.entries()) {
        if (!kindsIn(job.proofKind).some(kind => TRACED.has(kind))) single.push(i)
        else traced.set(job.model.digest, [...(traced.get(job.model.digest) ?? []), i])
      }
      await Promise.all([
        ...single.map(async i => {
          results[i] = await execute(jobs[i] as Job).catch(failure)
        }),
        ...[...traced.values()].map(async places => {
          const own = places.map(i => jobs[i] as Job)
          const answers = await executeTraced(own).catch(cause => own.map(() => failure(cause)))
          for (const [at, i] of places.entries()) results[i] = answers[at] as Done | WarrantError
        }),
      ])
      const statements = results.flatMap(result => (result instanceof WarrantError ? [] : [result.statement]))
      const receipts = statements.length > 0 ? signReceipts(signer, statements) : []
      let next = 0
      return results.map((result, i) => {
        if (result instanceof WarrantError) return result
        const receipt = receipts[next++] as (typeof receipts)[number]
        try {
          return {
            v: 1,
            output: result.output,
            receipt,
            trace: result.trace,
            attestation: attested(jobs[i] as Job),
          }
        } catch (cause) {
          return failure(cause)
        }
      })
    },
    async close() {
      for (const model of models.values()) await (await model).close()
    },
  }
}

import type { Receipt } from '../records/receipt.ts'
import type { ModelInput } from '../records/request.ts'
import type { ModelIdentity } from '../records/run.ts'

/** One inference job, as a worker gets it: plain JSON, so that a worker may be written in any language. */
export type Job = {
  v: 1
  nonce: string
  model: ModelIdentity
  input: ModelInput
  inputDigest: string
  proofKind: string
  deadlineMs: number
}

/** A worker's answer. */
export type JobResult = {
  v: 1
  output: ModelInput
  receipt: Receipt
  /** What the receipt's `traceDigest` names; null where the proof kind has none. Base64 on its way between processes. */
  trace: Uint8Array | null
  /** For `tee` and `opengradient`, what the platform's vendor signed; `publicKey`: of an OpenGradient gateway (SPKI, DER). */
  attestation: { document: Uint8Array; publicKey: Uint8Array | null } | null
}

/** The longest trace that a job's answer may carry, in characters of base64. */
export const MOST_TRACE = 64 * 1024 * 1024

/** Carries jobs to workers: in-process, or BullMQ on Redis. */
export type QueuePort = {
  /** `avoid`: workers, by id, that should not get this job: a queue that cannot choose may give it to them anyhow. @throws WORKER_FAILED, TIMED_OUT */
  dispatch(job: Job, avoid?: ReadonlySet<string>): Promise<JobResult>
  /** A worker, by id, that gets no more jobs: until a time, or until it is readmitted. */
  setAside(worker: string, untilMs: number | null): Promise<void>
  /** A worker that gets jobs again. */
  readmit(worker: string): Promise<void>
  /** Who is set aside, where others than this process may say so: until when, by worker. Null: nobody else can. */
  aside(): Promise<ReadonlyMap<string, number | null> | null>
  close(): Promise<void>
}

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
export type JobResult = { v: 1; output: ModelInput; receipt: Receipt }

/** Carries jobs to workers: in-process, or BullMQ on Redis. */
export type QueuePort = {
  /** @throws WORKER_FAILED, TIMED_OUT */
  dispatch(job: Job): Promise<JobResult>
  close(): Promise<void>
}

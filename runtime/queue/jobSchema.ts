import { z } from 'zod'
import { MOST_TRACE } from '#verifier/evidence/ports/queue.ts'
import { digest, label, leafHash, timeMs } from '#verifier/evidence/primitives.ts'
import { receipt } from '#verifier/evidence/records/receipt.ts'
import { modelInput } from '#verifier/evidence/records/request.ts'
import { modelIdentity } from '#verifier/evidence/records/run.ts'

/** A job as it comes from elsewhere: whoever can write to Redis can write anything, so it is parsed. */
export const jobSchema = z.strictObject({
  v: z.literal(1),
  nonce: leafHash,
  model: modelIdentity,
  input: modelInput,
  inputDigest: digest,
  proofKind: label,
  deadlineMs: timeMs,
})

/** A worker's answer to a job. */
export const jobResult = z.strictObject({
  v: z.literal(1),
  output: modelInput,
  receipt,
  trace: z.string().max(MOST_TRACE).nullable(),
})

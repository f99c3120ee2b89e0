import { z } from 'zod'
import { decodeBase64, encodeBase64 } from '#runtime/crypto/base64.ts'
import { type JobResult, MOST_TRACE } from '#verifier/evidence/ports/queue.ts'
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

/** A worker's answer to a job, as it comes from elsewhere. */
export const jobResult = z.strictObject({
  v: z.literal(1),
  output: modelInput,
  receipt,
  trace: z
    .base64()
    .max(MOST_TRACE)
    .transform(text => decodeBase64(text))
    .nullable(),
})

/** The same on its way: plain JSON. */
export function encodeJobResult({ trace, ...result }: JobResult): z.input<typeof jobResult> {
  return { ...result, trace: trace === null ? null : encodeBase64(trace) }
}

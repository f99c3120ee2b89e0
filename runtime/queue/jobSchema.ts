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

/** The longest attestation, in characters of base64. */
const MOST_ATTESTATION = 400_000

const bytes = (most: number) =>
  z
    .base64()
    .max(most)
    .transform(text => decodeBase64(text))

/** A worker's answer to a job, as it comes from elsewhere. */
export const jobResult = z.strictObject({
  v: z.literal(1),
  output: modelInput,
  receipt,
  trace: bytes(MOST_TRACE).nullable(),
  attestation: z
    .strictObject({ document: bytes(MOST_ATTESTATION), publicKey: bytes(2_048).nullable() })
    .nullish()
    .transform(held => held ?? null),
})

/** The same on its way: plain JSON. */
export function encodeJobResult({ trace, attestation, ...result }: JobResult): z.input<typeof jobResult> {
  const encoded = (held: Uint8Array | null) => (held === null ? null : encodeBase64(held))
  return {
    ...result,
    trace: encoded(trace),
    ...(attestation === null
      ? {}
      : {
          attestation: {
            document: encodeBase64(attestation.document),
            publicKey: encoded(attestation.publicKey),
          },
        }),
  }
}

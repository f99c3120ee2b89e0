import { z } from 'zod'
import { count, digest, ed25519Signature, label, leafHash, timeMs } from '../primitives.ts'

/** What a worker signs: one signature covers a batch, a Merkle root over its receipts (evidence.md §3). */
export const receiptStatement = z.strictObject({
  nonce: leafHash,
  model: digest,
  numeric: label,
  inputDigest: digest,
  outputDigest: digest,
  proofKind: label,
  traceDigest: digest.nullable(),
  worker: label,
  runtime: label,
  startedMs: timeMs,
  finishedMs: timeMs,
})
export type ReceiptStatement = z.infer<typeof receiptStatement>

export const receipt = z.strictObject({
  statement: receiptStatement,
  /** The statement's place in its batch: RFC 6962 inclusion path to `root`, which `signature` covers together with `size`. */
  batch: z.strictObject({ size: count.min(1).max(65_536), index: count, path: z.array(digest).max(16), root: digest }),
  signature: ed25519Signature,
})
export type Receipt = z.infer<typeof receipt>

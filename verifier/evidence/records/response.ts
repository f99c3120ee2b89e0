import { z } from 'zod'
import { blobRef, count, label, leafHash, reason } from '../primitives.ts'
import { receipt } from './receipt.ts'
import { modelInput } from './request.ts'

/** Characters of a trace that stand in the record itself. */
export const MOST_INLINE = 16_384

/** What a proof holds beyond the receipt; more kinds join here, an unknown one is refused. */
export const proof = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('signed') }),
  z.strictObject({ kind: z.literal('replay') }),
  /** The int32 accumulators of every linear op, little-endian: here when they are few, else among the log's payloads. */
  z.strictObject({
    kind: z.literal('freivalds'),
    trace: z.union([z.strictObject({ inline: z.base64().max(MOST_INLINE) }), blobRef]),
  }),
  /** What workers of other operators signed about the same request. */
  z.strictObject({ kind: z.literal('quorum'), receipts: z.array(receipt).min(1).max(15) }),
  z.strictObject({ kind: z.literal('refereed'), receipts: z.array(receipt).min(1).max(15) }),
])
export type Proof = z.infer<typeof proof>

/** The one terminal state of a request. */
export const response = z.strictObject({
  request: leafHash,
  agent: label,
  number: count,
  result: z.discriminatedUnion('status', [
    z.strictObject({ status: z.literal('ok'), output: modelInput, receipt, proof }),
    z.strictObject({ status: z.literal('failed'), reason }),
    z.strictObject({ status: z.literal('timedOut'), reason }),
  ]),
})
export type Response = z.infer<typeof response>

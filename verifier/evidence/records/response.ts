import { z } from 'zod'
import { count, label, leafHash, reason } from '../primitives.ts'
import { proof } from './proof.ts'
import { receipt } from './receipt.ts'
import { modelInput } from './request.ts'

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

import { z } from 'zod'
import { count, reason } from '../primitives.ts'

/** Last record of a run that ended in order. */
export const close = z.strictObject({ reason, decisions: count, requests: count })
export type Close = z.infer<typeof close>

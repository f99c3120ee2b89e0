import { z } from 'zod'
import { json, label, reason } from '../primitives.ts'

/** Something that a person must hear of: a worker caught, an unexplained outflow, a halt. */
export const incident = z.strictObject({
  what: label,
  caughtBy: label,
  reason,
  evidence: json,
  /** The worker that it accuses; `evidence` then names the payload with what that worker signed. */
  accuses: label.optional(),
})
export type Incident = z.infer<typeof incident>

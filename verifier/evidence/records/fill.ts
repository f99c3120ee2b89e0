import { z } from 'zod'
import { intString, label, leafHash, reason } from '../primitives.ts'

/** What a decision's intents became without a chain: the backtest's and paper mode's counterpart of submission and outcome. */
export const fill = z.strictObject({
  decision: leafHash,
  status: z.enum(['success', 'reverted']),
  reason: reason.nullable(),
  /** Change of each treasury balance in base units, by symbol. */
  changes: z.record(label, intString),
})
export type Fill = z.infer<typeof fill>

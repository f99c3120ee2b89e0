import { z } from 'zod'
import { count, digest } from '../primitives.ts'

/** Commits to the receipts of an epoch: public coins are drawn from the root at exactly this entry's index + 1 (evidence.md §4.1). */
export const seal = z.strictObject({ epoch: count, receipts: count, receiptsRoot: digest })
export type Seal = z.infer<typeof seal>

import { z } from 'zod'
import { address, count, hex32, hexData, leafHash } from '../primitives.ts'

/** A signed transaction, logged before it is broadcast; the same bytes are broadcast again after a crash. */
export const submission = z.strictObject({
  proposal: leafHash,
  verdicts: z.array(leafHash).min(1).max(64),
  from: address,
  accountNonce: count,
  transactionHash: hex32,
  /** The executor's signature is inside. */
  rawTransaction: hexData,
  /** The submission that this one replaces: the same calls under the same account nonce, with higher fees. */
  replaces: leafHash.optional(),
})
export type Submission = z.infer<typeof submission>

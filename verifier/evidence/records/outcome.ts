import { z } from 'zod'
import { address, count, hex32, label, leafHash, reason, secp256k1Signature, uintString } from '../primitives.ts'
import { balanceChange } from './verdict.ts'

/** What the verifier found after execution, signed by it. */
export const outcome = z.strictObject({
  submission: leafHash,
  proposal: leafHash,
  transactionHash: hex32,
  status: z.enum(['success', 'reverted']),
  blockNumber: count,
  blockHash: hex32,
  gasUsed: uintString,
  gasCostWei: uintString,
  changes: z.array(balanceChange).max(64),
  checks: z.array(z.strictObject({ id: label, ok: z.boolean(), detail: reason })).max(32),
  signer: address,
  /** EIP-191 over the rest of this body, domain `outcome`. */
  signature: secp256k1Signature,
})
export type Outcome = z.infer<typeof outcome>

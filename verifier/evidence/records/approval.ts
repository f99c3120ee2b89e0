import { z } from 'zod'
import { address, digest, hexData, leafHash, reason } from '../primitives.ts'

/** An approver's answer to a proposal above the policy's threshold; EIP-712, checked by the module as well. */
export const approval = z.strictObject({
  proposal: leafHash,
  proposalDigest: digest,
  answer: z.enum(['approve', 'reject']),
  reason: reason.nullable(),
  signer: address,
  /** 65 bytes; of a contract (ERC-1271) more: its address, and the bytes that it takes for its signature. */
  signature: hexData.min(132).max(4_002),
})
export type Approval = z.infer<typeof approval>

import { z } from 'zod'
import { address, digest, leafHash, reason, secp256k1Signature } from '../primitives.ts'

/** A person's answer to a proposal above the policy's threshold; EIP-712, checked by the module as well. */
export const approval = z.strictObject({
  proposal: leafHash,
  proposalDigest: digest,
  answer: z.enum(['approve', 'reject']),
  reason: reason.nullable(),
  signer: address,
  signature: secp256k1Signature,
})
export type Approval = z.infer<typeof approval>

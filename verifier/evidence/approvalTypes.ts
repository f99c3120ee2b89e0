import { hashMessage, recoverAddress, recoverTypedDataAddress } from 'viem'
import { canonicalBytes } from './canonical.ts'
import { domainBytes } from './digest.ts'
import { WarrantError } from './error.ts'
import type { Approval } from './records/approval.ts'
import type { Proposal } from './records/proposal.ts'
import { isStrictSignature } from './secp256k1.ts'
import { verdictDomain } from './verdictTypes.ts'

/** EIP-712 type of an approval; the module hashes the same string. */
export const APPROVAL_TYPES = {
  Approval: [
    { name: 'safe', type: 'address' },
    { name: 'proposalDigest', type: 'bytes32' },
  ],
} as const

/**
 * The lower-case address that signed an approver's answer: EIP-712 as the module checks it for `approve`, EIP-191 over
 * the answer for `reject`, so that a rejection can never pass for an approval.
 */
export async function recoverApprover(
  proposal: Pick<Proposal, 'chainId' | 'module' | 'safe'>,
  approval: Approval,
): Promise<string> {
  const signature = approval.signature as `0x${string}`
  // What libraries recover and the module does not: v 0 or 1, s in the upper half.
  if (!isStrictSignature(signature)) throw new WarrantError('BAD_INPUT', 'the module takes no such signature')
  if (approval.answer === 'reject') {
    const { signature: _, signer: __, ...unsigned } = approval
    return (
      await recoverAddress({ hash: hashMessage({ raw: domainBytes('approval', canonicalBytes(unsigned)) }), signature })
    ).toLowerCase()
  }
  const signer = await recoverTypedDataAddress({
    domain: verdictDomain(proposal.chainId, proposal.module),
    types: APPROVAL_TYPES,
    primaryType: 'Approval',
    message: { safe: proposal.safe as `0x${string}`, proposalDigest: `0x${approval.proposalDigest}` },
    signature,
  })
  return signer.toLowerCase()
}

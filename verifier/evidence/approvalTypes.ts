import { hashMessage, hashTypedData, recoverAddress } from 'viem'
import { canonicalBytes } from './canonical.ts'
import { domainBytes } from './digest.ts'
import { WarrantError } from './error.ts'
import type { Approval } from './records/approval.ts'
import type { Proposal } from './records/proposal.ts'
import { isStrictSignature } from './secp256k1.ts'
import { DOMAIN_TYPE, VERDICT_TYPES, type VerdictMessage, verdictDomain, verdictMessage } from './verdictTypes.ts'

/** EIP-712 types of what approvers sign: what is executed, under one nonce, until a time. The module hashes the same strings. */
export const APPROVAL_TYPES = {
  Approval: [
    { name: 'safe', type: 'address' },
    { name: 'calls', type: 'Call[]' },
    { name: 'bounds', type: 'Bound[]' },
    { name: 'nonce', type: 'uint256' },
    { name: 'validUntil', type: 'uint64' },
  ],
  Call: VERDICT_TYPES.Call,
  Bound: VERDICT_TYPES.Bound,
} as const

/** @param validUntil last second, in chain time, at which the approval counts */
export type ApprovalMessage = Pick<VerdictMessage, 'safe' | 'calls' | 'bounds' | 'nonce' | 'validUntil'>

/** What `execute` takes as approvals, where nobody approved. */
export const NO_APPROVALS = { validUntil: 0n, signatures: [] } as const

type ApprovedProposal = Pick<Proposal, 'chainId' | 'module' | 'safe' | 'nonce' | 'validUntil' | 'calls' | 'bounds'>

/**
 * What an approver signs for a proposal, for a local key as well as for a wallet (`eth_signTypedData_v4` takes exactly this,
 * its integers as decimal text): one approval serves these calls, bounds and nonce, once.
 *
 * @example
 * const { message, ...typed } = approvalTypedData(proposal)
 * const signature = await account.signTypedData({ ...typed, message })
 */
export function approvalTypedData(proposal: ApprovedProposal) {
  const { safe, calls, bounds, nonce, validUntil } = approvalMessage(proposal)
  return {
    domain: { ...verdictDomain(proposal.chainId, proposal.module), chainId: BigInt(proposal.chainId) },
    types: { EIP712Domain: DOMAIN_TYPE, ...APPROVAL_TYPES },
    primaryType: 'Approval' as const,
    message: { safe, calls, bounds, nonce, validUntil },
  }
}

/** The message of `approvalTypedData`. */
export function approvalMessage(
  proposal: Pick<Proposal, 'safe' | 'nonce' | 'validUntil' | 'calls' | 'bounds'>,
): ApprovalMessage {
  const { safe, nonce, calls, bounds } = verdictMessage({
    proposal: { ...proposal, policyDigest: '', executor: '' },
    ...{ proposalDigest: '', refBlock: 0, refBlockHash: '', validUntil: 0 },
  })
  return { safe, calls, bounds, nonce, validUntil: BigInt(proposal.validUntil) }
}

/**
 * The hash that an approver signs: EIP-712 as the module checks it for `approve`, EIP-191 over the answer for `reject`, so
 * that a rejection can never pass for an approval.
 */
export function approvalHash(
  proposal: ApprovedProposal,
  { answer, reason, proposal: leaf, proposalDigest: digest }: Omit<Approval, 'signer' | 'signature'>,
): `0x${string}` {
  if (answer === 'approve') return hashTypedData(approvalTypedData(proposal))
  const unsigned = { proposal: leaf, proposalDigest: digest, answer, reason }
  return hashMessage({ raw: domainBytes('approval', canonicalBytes(unsigned)) })
}

/** The lower-case address that signed an approver's answer. @throws BAD_INPUT for a signature that the module would not take */
export async function recoverApprover(proposal: ApprovedProposal, approval: Approval): Promise<string> {
  const signature = approval.signature as `0x${string}`
  // What libraries recover and the module does not: v 0 or 1, s in the upper half.
  if (!isStrictSignature(signature)) throw new WarrantError('BAD_INPUT', 'the module takes no such signature')
  return (await recoverAddress({ hash: approvalHash(proposal, approval), signature })).toLowerCase()
}

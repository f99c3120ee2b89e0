import { contractOf, contractSigned } from '#verifier/effects/contractSignature.ts'
import type { Reading } from '#verifier/effects/reading.ts'
import { approvalHash } from '#verifier/evidence/approvalTypes.ts'
import { approvalSecondsOf } from '#verifier/policy/approvalTime.ts'
import type { Case } from './case.ts'

/** What the policy's approvers said of a proposal, each once, as far as their signatures hold now. */
export type People = { approved: number; hasRejected: boolean; isEnough: boolean }

/** Counts approvals of the log; a contract's signature is what the contract says at the block of the verdict. */
export function* peopleOf({
  policy,
  proposal,
  approvals,
}: Pick<Case, 'policy' | 'proposal' | 'approvals'>): Reading<People> {
  const { aboveUsd, approvers, threshold } = policy.approvals
  const signers = new Set<string>()
  let hasRejected = false
  for (const { body } of approvals) {
    if (!approvers.includes(body.signer)) continue
    const isContract = contractOf(body.signature) !== null
    const hash = isContract ? approvalHash(proposal.body, body) : ''
    if (isContract && !(yield* contractSigned(body.signature, hash))) continue
    if (body.answer === 'reject') hasRejected = true
    else signers.add(body.signer)
  }
  const isAsked = aboveUsd !== null && threshold > 0
  return { approved: signers.size, hasRejected, isEnough: isAsked && !hasRejected && signers.size >= threshold }
}

/** Why a proposal is past, or valid for too long: longer than a verdict may be only where people approved it. Null: it is not. */
export function deadlineFault(
  { policy, proposal }: Pick<Case, 'policy' | 'proposal'>,
  { isEnough }: People,
  nowSeconds: number,
): string | null {
  const { validUntil } = proposal.body
  const most = isEnough ? approvalSecondsOf(policy) : policy.limits.maxValiditySeconds
  const left = validUntil - nowSeconds
  if (left < 0) return `expired: valid until ${validUntil}, chain time is ${nowSeconds}`
  if (left <= most) return null
  return `valid for ${left} s; the policy allows ${most}${isEnough ? ' to what people approved' : ' to what people did not approve'}`
}

/**
 * Chain time, in seconds, at which a decision's facts had to be fresh: now; of what people approved, so long before its
 * deadline as the policy gives people. People and module see the same deadline: a decision that was kept back ends no later.
 */
export function decidedAt(
  { policy, proposal }: Pick<Case, 'policy' | 'proposal'>,
  { isEnough }: People,
  nowSeconds: number,
): number {
  return isEnough ? Math.min(nowSeconds, proposal.body.validUntil - approvalSecondsOf(policy)) : nowSeconds
}

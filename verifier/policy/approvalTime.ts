import type { Policy } from './policy.ts'

/** Holds where a policy says nothing: eight hours, a working day. */
const UNSAID_SECONDS = 28_800

/** Thirty days: what was decided on older facts is decided anew. */
export const MOST_APPROVAL_SECONDS = 2_592_000

/**
 * Seconds that people have for an answer: so long a proposal is valid that they must approve. Verdicts stay as short as
 * `limits.maxValiditySeconds` says.
 *
 * @example approvalSecondsOf(policy) // 28800 where the policy says nothing of it
 */
export function approvalSecondsOf({ approvals, limits }: Pick<Policy, 'approvals' | 'limits'>): number {
  return approvals.validitySeconds ?? Math.max(UNSAID_SECONDS, limits.maxValiditySeconds)
}

/** Why what a policy says of people's approvals cannot be meant, or null. */
export function approvalTimeFault({ approvals, limits }: Pick<Policy, 'approvals' | 'limits'>): string | null {
  const { aboveUsd, threshold, validitySeconds } = approvals
  if (aboveUsd !== null && threshold === 0)
    return 'approvals.threshold: is 0: above approvals.aboveUsd nobody would have to approve; say how many, or set aboveUsd to null'
  if (validitySeconds !== undefined && validitySeconds < limits.maxValiditySeconds)
    return `approvals.validitySeconds: is ${validitySeconds}, less than limits.maxValiditySeconds, ${limits.maxValiditySeconds}: people would have less time than verifiers' answers last`
  return null
}

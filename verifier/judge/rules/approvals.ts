import { breaks, holds, type Rule } from '../rule.ts'

/** Above a value so many people must approve; one that rejects is enough to refuse. */
export const approvals: Rule = {
  id: 'approvals',
  check: 'policy',
  judge({ policy, valueUsd, isExit, people }) {
    const { aboveUsd, threshold } = policy.approvals
    if (isExit() || aboveUsd === null) return holds()
    const usd = valueUsd()
    if (usd !== null && usd <= aboveUsd) return holds()
    const { approved, hasRejected, isEnough } = people()
    if (isEnough) return holds(`approved by ${approved} people`)
    return breaks(
      hasRejected
        ? 'an approver rejected it'
        : `${usd ?? 'unknown'} USD need ${threshold} approvals, ${approved} are there`,
    )
  },
}

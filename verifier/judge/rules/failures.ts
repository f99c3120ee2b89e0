import { failuresSince } from '#verifier/policy/brakes.ts'
import { breaks, holds, type Rule } from '../rule.ts'

/** Nothing more after so many executions in a row that failed, until they are old or the owners reset it. */
export const failures: Rule = {
  id: 'limits.maxConsecutiveFailures',
  check: 'policy',
  judge({ policy, facts, counters, isExit }) {
    if (isExit()) return holds()
    const { limits } = policy
    const since = failuresSince(limits, facts.head.timestamp)
    const ended = counters().ended.filter(({ atSeconds }) => atSeconds >= since)
    const failed = ended.length - 1 - ended.findLastIndex(({ executed }) => executed)
    return failed >= limits.maxConsecutiveFailures
      ? breaks(`the last ${failed} executions failed; the policy stops at ${limits.maxConsecutiveFailures}`)
      : holds()
  },
}

import { breaks, holds, type Rule } from '../rule.ts'

/** Most proposals in an hour. */
export const tradesPerHour: Rule = {
  id: 'limits.tradesPerHour',
  check: 'policy',
  judge({ policy, facts, counters, isExit }) {
    if (isExit()) return holds()
    const most = policy.limits.tradesPerHour
    const count = counters().counted.filter(({ atSeconds }) => atSeconds > facts.head.timestamp - 3_600).length
    return count >= most ? breaks(`${count} trades in the last hour; the policy allows ${most}`) : holds()
  },
}

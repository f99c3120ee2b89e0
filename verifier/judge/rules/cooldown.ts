import { breaks, holds, type Rule } from '../rule.ts'

/** Least seconds between two proposals. */
export const cooldown: Rule = {
  id: 'limits.cooldownSeconds',
  check: 'policy',
  judge({ policy, facts, counters, isExit }) {
    if (isExit()) return holds()
    const least = policy.limits.cooldownSeconds
    const last = Math.max(...counters().counted.map(({ atSeconds }) => atSeconds))
    const since = facts.head.timestamp - last
    return since < least ? breaks(`the last trade was ${since} s ago; the policy asks for ${least}`) : holds()
  },
}

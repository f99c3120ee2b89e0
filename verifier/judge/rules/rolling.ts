import { breaks, holds, type Rule } from '../rule.ts'

/** Most dollars that all proposals of a window may put at stake together, at today's price. */
export const rolling: Rule = {
  id: 'limits.rollingUsd',
  check: 'policy',
  judge({ policy, facts, valueUsd, counters, isExit }) {
    if (isExit()) return holds()
    const { rollingUsd, rollingSeconds } = policy.limits
    const usd = valueUsd()
    const before = counters().counted.filter(({ atSeconds }) => atSeconds > facts.head.timestamp - rollingSeconds)
    const unknown = before.find(one => one.usd === null)
    if (usd === null || unknown !== undefined)
      return breaks(`what was moved in the last ${rollingSeconds} s has no known value: ${unknown?.digest ?? 'this'}`)
    const moved = before.reduce((sum, one) => sum + (one.usd ?? 0), 0)
    return moved + usd > rollingUsd
      ? breaks(
          `with ${moved} USD in the last ${rollingSeconds} s this would exceed the rolling limit of ${rollingUsd} USD`,
        )
      : holds()
  },
}

import { breaks, holds, type Rule } from '../rule.ts'

/** The strategy, run again on the recorded inputs, asks for the same and decides the same. */
export const decision: Rule = {
  id: 'decision',
  check: 'decision',
  judge({ subject, facts }) {
    const difference = facts.decision()
    if (difference !== null)
      return breaks(
        `run again, the strategy differs in ${difference.field}: recorded ${difference.recorded}, now ${difference.rederived}`,
      )
    return holds(`the strategy asks for the same ${subject.decision.body.doors.length} things and decides the same`, [
      "the sandbox is the same code as the producer's",
    ])
  },
}

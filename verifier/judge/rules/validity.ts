import { deadlineFault } from '../people.ts'
import { type Rule, unless } from '../rule.ts'

/** A proposal is valid for minutes, and for longer where people approved it. */
export const validity: Rule = {
  id: 'limits.maxValiditySeconds',
  check: 'policy',
  judge: ({ subject, facts, people }) => unless(deadlineFault(subject, people(), facts.head.timestamp)),
}

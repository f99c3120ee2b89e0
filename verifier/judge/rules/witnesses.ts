import { breaks, holds, type Rule } from '../rule.ts'

/** Above the policy's value the log's keeper alone is not believed: an unknown value is above any. */
export const witnesses: Rule = {
  id: 'witnesses',
  check: 'log',
  judge({ policy, facts, valueUsd }) {
    if (policy.witnesses === undefined) return holds()
    const { aboveUsd, threshold } = policy.witnesses
    const given = facts.raw.log.cosigned.length
    if (given >= threshold) return holds()
    const value = valueUsd()
    return value !== null && value <= aboveUsd
      ? holds()
      : breaks(`${value ?? 'unknown'} USD need ${threshold} cosignatures of the checkpoint, ${given} are there`)
  },
}

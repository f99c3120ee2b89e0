import { groupDigits } from '#verifier/evidence/text/money.ts'
import { showText } from '#verifier/evidence/text/showText.ts'
import type { Counterfactual } from '#verifier/replay/counterfactual.ts'

const usd = (value: number | null) => (value === null ? 'an unknown value' : `${groupDigits(String(value))} USD`)
const WORDS = { approve: 'approved', deny: 'denied', unknown: 'not known' } as const

/** What another policy would have said, for people: each proposal with another answer, then the sums by rule. */
export function counterfactualLines({ policyDigest, proposals, changed, byRule, unknown }: Counterfactual): string[] {
  return [
    `under the policy ${policyDigest.slice(0, 16)}…: of ${proposals} proposals ${changed.length} would have another answer, ${unknown} cannot be told`,
    ...changed.map(({ entry, was, wouldBe, rules, usd: value, pathDependent }) => {
      const [first] = rules
      const why = first === undefined ? '' : `: ${first.rule}: ${showText(first.reason, 300)}`
      const after = pathDependent ? ' (after an earlier difference: the treasury would hold something else)' : ''
      return `  entry ${entry}, ${usd(value)}: was ${WORDS[was]}, would be ${WORDS[wouldBe]}${why}${after}`
    }),
    ...Object.entries(byRule).map(
      ([rule, { proposals: count, usd: value }]) => `  ${rule}: would deny ${count} proposals, ${usd(value)} at stake`,
    ),
  ]
}

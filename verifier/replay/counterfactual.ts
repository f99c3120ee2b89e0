import type { RecordOf } from '#verifier/evidence/record.ts'
import type { Case, Earlier } from '#verifier/judge/case.ts'
import { judge } from '#verifier/judge/judge.ts'
import { type Policy, policyDigest } from '#verifier/policy/policy.ts'
import type { JudgedAgain } from './replayVerdicts.ts'

/** What another policy would have said to a proposal. `unknown`: a rule asks for what no verifier looked at. */
export type Answer = 'approve' | 'deny' | 'unknown'

/** A proposal that would have had another answer. */
export type Changed = {
  entry: number
  proposal: string
  was: 'approve' | 'deny'
  wouldBe: Answer
  /** The rules that decide it: those broken under the other policy, or those broken before. */
  rules: { rule: string; reason: string }[]
  /** Whole dollars at stake; null: unknown. */
  usd: number | null
  /** After the first difference nothing is certain: the treasury would hold something else. */
  pathDependent: boolean
}

/** How a log's proposals would have fared under another policy. */
export type Counterfactual = {
  policyDigest: string
  proposals: number
  same: number
  changed: Changed[]
  /** By rule, of the proposals that it would have denied: how many, and the dollars at stake. */
  byRule: Record<string, { proposals: number; usd: number }>
  /** Proposals of which it cannot be said. */
  unknown: number
}

/**
 * Follows the verdicts of a log under another policy. Counters are folded again: what would have been denied counts no more,
 * what would have been approved counts as executed. The first verdict on a proposal is the one that is asked.
 */
export function createCounterfactual(policy: Policy) {
  const report: Counterfactual = {
    policyDigest: policyDigest(policy),
    ...{ proposals: 0, same: 0, changed: [], byRule: {}, unknown: 0 },
  }
  const seen = new Set<string>()
  const wouldBe = new Map<string, Answer>()

  /** An earlier proposal as it would have ended. */
  function refolded(earlier: Earlier): Earlier[] {
    const answer = wouldBe.get(earlier.leaf)
    if (answer === 'deny') return []
    const wasDenied = [...earlier.answers.values()].includes('deny')
    return answer === 'approve' && wasDenied ? [{ ...earlier, answers: new Map(), outcome: 'success' }] : [earlier]
  }

  return {
    report: report as Readonly<Counterfactual>,
    take({ index, verdict, subject, facts }: Pick<JudgedAgain, 'index' | 'verdict' | 'subject' | 'facts'>): void {
      if (seen.has(subject.leaf)) return
      seen.add(subject.leaf)
      report.proposals++
      const other: Case = {
        ...subject,
        policy,
        // The run names the policy that it was under: that is not what is asked here.
        run: underPolicy(subject.run, subject.policyDigest),
        earlier: subject.earlier.flatMap(refolded),
      }
      const { broken, valueUsd } = judge(other, facts)
      const known = broken.filter(({ unknown }) => !unknown)
      const answer: Answer = known.length > 0 ? 'deny' : broken.length > 0 ? 'unknown' : 'approve'
      wouldBe.set(subject.leaf, answer)
      if (answer === 'unknown') report.unknown++
      if (answer === verdict.answer) {
        report.same++
        return
      }
      const usd = valueUsd ?? verdict.valueAtRiskUsd
      const before = verdict.checks.flatMap(({ rule, detail }) => (rule === null ? [] : [{ rule, reason: detail }]))
      const now = (known.length > 0 ? known : broken).map(({ rule, reason }) => ({ rule, reason }))
      report.changed.push({
        ...{ entry: index, proposal: subject.leaf, was: verdict.answer, wouldBe: answer, usd },
        rules: answer === 'approve' ? before : now,
        pathDependent: report.changed.length > 0,
      })
      if (answer !== 'deny') return
      for (const { rule } of now) {
        const count = report.byRule[rule] ?? { proposals: 0, usd: 0 }
        report.byRule[rule] = { proposals: count.proposals + 1, usd: count.usd + (usd ?? 0) }
      }
    },
  }
}

const underPolicy = (run: RecordOf<'run'>, digest: string): RecordOf<'run'> => ({
  ...run,
  body: { ...run.body, policy: { ...run.body.policy, digest } },
})

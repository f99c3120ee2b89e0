import type { RecordChecker } from '#verifier/audit/recordChecker.ts'
import { canonicalize } from '#verifier/evidence/canonical.ts'
import { reasonOf } from '#verifier/evidence/error.ts'
import type { BlobRef } from '#verifier/evidence/primitives.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import type { Verdict } from '#verifier/evidence/records/verdict.ts'
import { shortened } from '#verifier/gather/rederived.ts'
import { type Case, openCase } from '#verifier/judge/case.ts'
import { decodeFacts, type Facts } from '#verifier/judge/facts.ts'
import { judge } from '#verifier/judge/judge.ts'
import type { Finding } from '#verifier/log/verifyTree.ts'
import { type Policy, policyDigest, policy as policySchema } from '#verifier/policy/policy.ts'
import type { Divergence } from './rederiveDecision.ts'

/** How the verdicts of a log fared. `recorded`: what cannot be judged again, as its policy or its facts are not here. */
export type VerdictCount = { rederived: number; diverged: number; recorded: number }

/** What a verdict's facts say of the log, to be compared with what a replay finds. Answers by leaf hash. */
export type Claims = {
  index: number
  decision: string
  difference: Facts['decision']
  manifest: Facts['manifest']
  proven: readonly string[]
}

/** What a replay found: how the decision differs, what its strategy looks at, and which answers are not proven. */
export type Found = {
  decision: Divergence | null
  manifest: { intervalSeconds: number; window: number }
  refused: ReadonlyMap<string, string>
}

/** A verdict with all that it is judged by. */
export type JudgedAgain = { index: number; leaf: string; verdict: Verdict; subject: Case; facts: Facts }

/** Judges the verdicts of a log again, in the order in which they stand. */
export type VerdictReplay = {
  readonly counts: Readonly<VerdictCount>
  readonly findings: readonly Finding[]
  /** Judges one again; null where it cannot be, or differs. */
  take(entry: { index: number; leaf: string; record: RecordOf<'verdict'> }, records: RecordChecker): JudgedAgain | null
  /** Counts one that is not judged again here. */
  leave(): void
  /** Compares what a verdict's facts say of the log with what the replay found: leaf hashes of answers that are not proven, and why. */
  compare(claims: Claims, found: Found): void
}

/** Policies of runs, read once. */
const policies = new WeakMap<RecordOf<'run'>, Policy | null>()

/** Findings that are kept in full. */
const MOST_FINDINGS = 100

/** Creates one over the payloads of a log. `logKey`: its verification key. */
export function createVerdictReplay(logKey: string, payload: (ref: BlobRef) => Uint8Array): VerdictReplay {
  const counts: VerdictCount = { rederived: 0, diverged: 0, recorded: 0 }
  const findings: Finding[] = []
  const differs = ({ index }: { index: number }, reason: string): void => {
    counts.diverged++
    if (findings.length < MOST_FINDINGS) findings.push({ where: `entry ${index} (verdict)`, reason })
  }

  return {
    counts,
    findings,
    leave: () => void counts.recorded++,
    take({ index, leaf, record }, records) {
      const { body: verdict } = record
      const policy = policyOf(records, verdict)
      if (policy === null) {
        counts.recorded++
        return null
      }
      try {
        const facts = decodeFacts(payload(verdict.facts))
        const named = namedDifference(verdict, facts)
        if (named !== null) {
          differs({ index }, named)
          return null
        }
        const { checkpointSize: size, proposal, refTime: atSeconds } = verdict
        const subject = openCase({ records, policy, logKey, size, leaf: proposal, atSeconds })
        const judgement = judge(subject, facts)
        const difference =
          differenceIn('answer', verdict.answer, judgement.answer) ??
          verdict.checks
            .map((check, i) => differenceIn(`check ${check.id}`, check, judgement.checks[i]))
            .find(isThere) ??
          differenceIn('value at risk', verdict.valueAtRiskUsd, judgement.valueUsd) ??
          differenceIn('simulation', verdict.simulation, judgement.simulation) ??
          null
        if (difference === null) counts.rederived++
        else differs({ index }, `does not follow from its facts: ${difference}`)
        return difference === null ? { index, leaf, verdict, subject, facts } : null
      } catch (error) {
        differs({ index }, `cannot be judged again: ${reasonOf(error)}`)
        return null
      }
    },
    compare({ index, difference: said, proven, manifest }, { decision, refused, manifest: own }) {
      const lies = (reason: string) => {
        counts.rederived--
        differs({ index }, `its facts are not those of the log: ${reason}`)
      }
      if (said !== undefined && 'value' in said && canonicalize(said.value) !== canonicalize(shortened(decision)))
        return lies(
          decision === null
            ? 'they say that the decision differs, and it does not'
            : `they say otherwise of the decision, which differs in ${decision.field}`,
        )
      if (manifest !== undefined && 'value' in manifest && canonicalize(manifest.value) !== canonicalize(own))
        return lies('they say otherwise of what the strategy looks at')
      const unproven = proven.find(answer => refused.has(answer))
      if (unproven !== undefined) lies(`they say that a proof holds: ${refused.get(unproven)}`)
    },
  }
}

/** What the facts of a verdict claim about the log. */
export function claimsOf({ index, subject, facts }: JudgedAgain): Claims {
  const { calls, proposal } = subject
  return {
    index,
    decision: proposal.body.decision,
    difference: facts.decision,
    manifest: facts.manifest,
    proven: facts.proofs.flatMap(({ request, by, ok }) => {
      const call = calls.find(({ response }) => response.body.number === request)
      const answer = call === undefined ? undefined : answerOf(subject, call)
      return by === 'proof' && ok && answer !== undefined ? [answer] : []
    }),
  }
}

/** Leaf hash of the response behind a call. */
const answerOf = ({ decision, calls }: Case, call: Case['calls'][number]): string | undefined =>
  decision.body.doors.filter(({ door }) => door !== 'observe')[calls.indexOf(call)]?.answer

const isThere = (difference: string | null): difference is string => difference !== null

function differenceIn(what: string, recorded: unknown, judged: unknown): string | null {
  const [said, follows] = [recorded, judged].map(value => canonicalize((value ?? null) as never))
  return said === follows ? null : `${what} is ${said?.slice(0, 300)}, judged again ${follows?.slice(0, 300)}`
}

/** What a verdict and its facts both name must be the same. */
function namedDifference(verdict: Verdict, { proposal, head, log }: Facts): string | null {
  const pairs: [string, unknown, unknown][] = [
    ['proposal', proposal, verdict.proposal],
    ['size of the log', log.size, verdict.checkpointSize],
    ['block', head.number, verdict.refBlock],
    ['block hash', head.hash, verdict.refBlockHash],
    ['block time', head.timestamp, verdict.refTime],
  ]
  const other = pairs.find(([, facts, named]) => facts !== named)
  return other === undefined ? null : `its facts are of another ${other[0]}: ${other[1]}, the verdict says ${other[2]}`
}

/** The policy of the run that a verdict is about; null where that run has none of a treasury. */
function policyOf(records: RecordChecker, { proposal }: Verdict): Policy | null {
  const runId = records.find(proposal, 'proposal')?.runId
  const run = runId === undefined ? undefined : records.runs.get(runId)?.run
  if (run === undefined) return null
  const known = policies.get(run)
  if (known !== undefined) return known
  const parsed = policySchema.safeParse(run.body.policy.document).data ?? null
  // A verifier's own policy is another where the digest that the run names is not that of its document.
  const policy = parsed !== null && policyDigest(parsed) === run.body.policy.digest ? parsed : null
  policies.set(run, policy)
  return policy
}

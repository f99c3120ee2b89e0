import { treasuryUsd } from '#verifier/effects/treasuryValue.ts'
import { valueAtRiskUsd } from '#verifier/effects/valueAtRisk.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { reasonText } from '#verifier/evidence/reasonText.ts'
import { CHECK_IDS, type CheckId, type CheckResult, type Simulation } from '#verifier/evidence/records/verdict.ts'
import { isPreApproved } from '#verifier/policy/preApproved.ts'
import { pricingFault } from '#verifier/policy/pricingFault.ts'
import type { Case } from './case.ts'
import { type Counters, countEarlier } from './counters.ts'
import type { Facts } from './facts.ts'
import { openFacts } from './knownFacts.ts'
import { peopleOf } from './people.ts'
import { NotGathered, nameOf, type Question } from './question.ts'
import type { Hearing, Rule, Ruling } from './rule.ts'
import { RULES } from './rules/index.ts'

/** Why a rule denies, beside the check that it belongs to. `unknown`: the facts do not say. */
export type Broken = { rule: string; check: CheckId; reason: string; unknown: boolean }

/** What follows from a case and its facts. */
export type Judgement = {
  answer: 'approve' | 'deny'
  checks: CheckResult[]
  broken: Broken[]
  /** What would have to be known for a full answer; empty when all is. */
  questions: Question[]
  valueUsd: number | null
  /** What the treasury was worth as the decision saw it, whole dollars; null: unknown. */
  treasuryUsd: number | null
  simulation: Simulation | null
}

/**
 * Judges a case by its facts: pure, without ports, the same answer wherever and whenever it is asked. Every rule is judged,
 * whatever others say, so that a denial names every reason.
 */
export function judge(subject: Case, raw: Facts): Judgement {
  const hearing = openHearing(subject, raw)
  const questions = new Map<string, Question>()
  const broken: Broken[] = []
  const checks = CHECK_IDS.map(id => {
    const said: string[] = []
    const assumptions: string[] = []
    let first: Broken | null = null
    for (const rule of RULES) {
      if (rule.check !== id) continue
      const ruling = rulingOf(rule, hearing, questions)
      if (ruling.ok) {
        if (ruling.said !== undefined) said.push(ruling.said)
        assumptions.push(...(ruling.assumptions ?? []))
        continue
      }
      const fault = { rule: rule.id, check: id, reason: ruling.reason, unknown: ruling.unknown }
      broken.push(fault)
      first ??= fault
    }
    return checkOf(id, first, said, assumptions)
  })
  return {
    answer: broken.length === 0 ? 'approve' : 'deny',
    checks,
    broken,
    questions: [...questions.values()],
    valueUsd: tried(hearing.valueUsd, questions),
    treasuryUsd: tried(() => {
      const { observation, policy } = subject
      return observation === null ? null : treasuryUsd(policy, observation.body.view, hearing.tick())
    }, questions),
    simulation: tried(() => hearing.facts.simulation(), questions),
  }
}

function checkOf(
  id: CheckId,
  first: Broken | null,
  said: readonly string[],
  assumptions: readonly string[],
): CheckResult {
  return {
    id,
    ok: first === null ? true : first.unknown ? null : false,
    rule: first?.rule ?? null,
    detail: reasonText(first?.reason ?? (said.join('; ') || 'holds')),
    assumptions: first === null ? [...new Set(assumptions)].slice(0, 32).map(reasonText) : [],
  }
}

type Judged = Exclude<Ruling, { ok: false }> | { ok: false; reason: string; unknown: boolean }

function rulingOf(rule: Rule, hearing: Hearing, questions: Map<string, Question>): Judged {
  try {
    const ruling = rule.judge(hearing)
    return ruling.ok ? ruling : { ...ruling, unknown: false }
  } catch (error) {
    if (error instanceof NotGathered) for (const question of error.questions) questions.set(nameOf(question), question)
    return { ok: false, reason: `could not be evaluated: ${reasonOf(error)}`, unknown: true }
  }
}

/** What can be told, or null; what is missing for it is asked for. */
function tried<T>(tell: () => T | null, questions: Map<string, Question>): T | null {
  try {
    return tell()
  } catch (error) {
    if (error instanceof NotGathered) for (const question of error.questions) questions.set(nameOf(question), question)
    return null
  }
}

function openHearing(subject: Case, raw: Facts): Hearing {
  const { policy, proposal, decision } = subject
  const facts = openFacts(raw)
  const unpriced = pricingFault(policy)
  let counters: Counters | null = null
  const tick = () => {
    const known = facts.tick()
    if (known === null)
      throw new WarrantError('EVIDENCE_MISSING', 'the value at risk is unknown: the oracle has no price')
    return known
  }
  return {
    policy,
    subject,
    facts,
    tick,
    valueUsd: () => (unpriced === null ? valueAtRiskUsd(policy, proposal.body.calls, tick()) : null),
    counters() {
      const signed = new Set(raw.journal.signedYetDenied)
      counters ??= facts.ask(countEarlier(subject, { atSeconds: facts.head.timestamp, tick: facts.tick(), signed }))
      return counters
    },
    people: () => facts.ask(peopleOf(subject)),
    isExit: () => isPreApproved(policy, decision.body.result),
  }
}

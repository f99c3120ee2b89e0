import type { CheckId } from '#verifier/evidence/records/verdict.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import type { Case } from './case.ts'
import type { Counters } from './counters.ts'
import type { KnownFacts } from './knownFacts.ts'
import type { People } from './people.ts'

/** What rules judge by: the case, the facts, and what follows from both. */
export type Hearing = {
  readonly policy: Policy
  readonly subject: Case
  readonly facts: KnownFacts
  /** Whole dollars that the calls put at stake, rounded up; null: unknown, which is above any limit. */
  valueUsd(): number | null
  /** The oracle's tick. @throws EVIDENCE_MISSING where there is none: what has no price is refused, never worth nothing */
  tick(): number
  counters(): Counters
  people(): People
  /** Whether everything that the decision asks for is a way out that the owners approved beforehand. */
  isExit(): boolean
}

/** `said`: what was found, for people; left out where there is nothing to say. */
export type Ruling = { ok: true; said?: string; assumptions?: readonly string[] } | { ok: false; reason: string }

/**
 * One rule of the judge: it holds or not, by the case and the facts alone. It throws NotGathered for a fact that is not there,
 * and any other error where a fact could not be had: both deny.
 */
export type Rule = {
  /** As the policy's field is called, where there is one. */
  readonly id: string
  readonly check: CheckId
  judge(hearing: Hearing): Ruling
}

/** The rule holds. */
export const holds = (said?: string, assumptions: readonly string[] = []): Ruling =>
  said === undefined ? { ok: true } : { ok: true, said, assumptions }

/** The rule is broken. */
export const breaks = (reason: string): Ruling => ({ ok: false, reason })

/** Holds where there is no reason against it. */
export const unless = (reason: string | null): Ruling => (reason === null ? holds() : breaks(reason))

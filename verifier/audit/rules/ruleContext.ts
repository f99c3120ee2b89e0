import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import type { BlobRef } from '#verifier/evidence/primitives.ts'
import type { RecordKind, RecordOf } from '#verifier/evidence/record.ts'
import type { Finding } from '#verifier/log/verifyTree.ts'
import type { RuleId } from './ruleList.ts'
import type { RunState } from './runState.ts'

/** `log`: every record is there. `excerpt`: records between those given are unknown, so what counts them is not checked. */
export type Scope = 'log' | 'excerpt'

/** Says that a record breaks a rule, in which field and how. */
export type Fail = (rule: RuleId, field: string, reason: string) => void

/** What the records of a log are found by. */
export type Known = {
  /** The earlier record with a leaf hash, of one kind; null where there is none. */
  find<K extends RecordKind>(leafHash: string, kind: K): RecordOf<K> | null
  /** Index of an earlier record by its leaf hash; null where there is none. */
  indexOf(leafHash: string): number | null
  /** Keys of the log in order: that of its first run, then of each handover; where each is named, and by which rule. */
  logKeys: { vkey: string; where: string; rule: RuleId }[]
  /** Leaf hash of the last run record before this one; null where there is none. */
  lastRun: string | null
  /** Leaf hashes of each signer's verdicts, with their index, in order. */
  verdictsOf: Map<string, { index: number; leaf: string }[]>
  /** What may be there once: names of the facts that are. */
  once: Set<string>
  proposals: Map<string, RecordOf<'proposal'>[]>
  byDigest: Map<string, RecordOf<'proposal'>>
  byNonce: Map<string, string>
  /** By module, in order. */
  byModule: Map<string, PlacedProposal[]>
  approvals: Placed<'approval'>[]
  /** By proposal, in order. */
  verdictsOn: Map<string, Placed<'verdict'>[]>
  outcomesOf: Map<string, Placed<'outcome'>[]>
}

/** A record with its leaf hash. */
export type Placed<K extends RecordKind> = { leaf: string; record: RecordOf<K> }
export type PlacedProposal = Placed<'proposal'> & { index: number; digest: string }

/** Adds to the list that a map holds under a key. */
export function addTo<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [item])
  else list.push(item)
}

/** Where a record stands, and what it is checked against. */
export type RuleContext = {
  scope: Scope
  crypto: CryptoPort
  state: RunState
  known: Known
  index: number
  leafHash: string
  where: string
  fail: Fail
  /** Findings of a check that goes on beside the reading. */
  later(findings: Promise<Finding[]>): void
  names(ref: BlobRef, field: string): void
}

/** The earlier record of this run with a leaf hash, of one kind; null where there is none. */
export function findOwn<K extends RecordKind>(
  { known, state }: RuleContext,
  leafHash: string,
  kind: K,
): RecordOf<K> | null {
  const found = known.find(leafHash, kind)
  return found?.runId === state.run.runId ? found : null
}

/** Fails a rule unless two values are the same. */
export function same(fail: Fail, rule: RuleId, field: string, actual: unknown, expected: unknown): void {
  if (actual !== expected) fail(rule, field, `is ${String(actual)}, expected ${String(expected)}`)
}

/** Takes note of a fact that may be there once. False: it was there before. */
export function isFirst({ once }: Known, ...fact: readonly (string | number)[]): boolean {
  const name = fact.join(' ')
  if (once.has(name)) return false
  once.add(name)
  return true
}

/** Whether a run is dated by the clock on the wall, not by its market. */
export const isWallClock = ({ run }: RunState): boolean => run.body.mode === 'live' || run.body.mode === 'gateway'

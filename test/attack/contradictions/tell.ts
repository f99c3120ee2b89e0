import type { RuleId } from '#verifier/audit/rules/ruleList.ts'
import type { Random } from '../../fault/seededRandom.ts'
import type { AllKeys, Marks } from '../forge.ts'
import { type Json, type Loose, pick } from '../rewritings.ts'

/** A log's records, and what a case asks for: change records in place, insert and drop them, mark them. */
export type Lie = {
  records: Loose[]
  marks: Map<Loose, Marks>
  keys: AllKeys
  random: Random
}

/** One lie of somebody who holds every key, and the one rule that it breaks. `also`: rules that no such lie can spare. */
export type Contradiction = {
  rule: RuleId
  name: string
  also?: readonly RuleId[]
  tell(lie: Lie): void | Promise<void>
}

export const body = (record: Loose) => record.body as Loose
/** Of the runs whose worker's key the forger has: one of the demo's attackers is a worker of its own. */
export const all = ({ records }: Lie, kind: string) => {
  const other = new Set(records.filter(r => JSON.stringify(r).includes('"worker":"worker-2"')).map(r => r.runId))
  return records.filter(record => record.kind === kind && !other.has(record.runId))
}
export const any = (lie: Lie, kind: string): Loose => pick(lie.random, all(lie, kind))
export const last = (lie: Lie, kind: string): Loose => all(lie, kind).at(-1) as Loose
export const first = (lie: Lie, kind: string): Loose => all(lie, kind)[0] as Loose
export const mark = ({ marks }: Lie, record: Loose, asked: Marks) =>
  void marks.set(record, { ...marks.get(record), ...asked })
/** Spoils one field when all else is derived. */
export const spoil = (lie: Lie, record: Loose, path: string, value: Json | ((was: Json) => Json)) =>
  mark(lie, record, {
    spoil(made) {
      const names = path.split('.')
      let at = made
      for (const name of names.slice(0, -1)) at = at[name] as Loose
      const name = names.at(-1) as string
      at[name] = typeof value === 'function' ? value(at[name] as Json) : value
    },
  })
export const drop = (lie: Lie, record: Loose) => void lie.records.splice(lie.records.indexOf(record), 1)
export const after = (lie: Lie, record: Loose, ...added: Loose[]) =>
  void lie.records.splice(lie.records.indexOf(record) + 1, 0, ...added)
export const copy = (record: Loose): Loose => structuredClone(record)
export const hex = ({ random }: Lie, digits = 64) =>
  Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('')
export const more = (was: Json) => (was as number) + 1
export const runOf = ({ records }: Lie, record: Loose) =>
  records.find(r => r.kind === 'run' && r.runId === record.runId) as Loose
/** The decision that a proposal follows from, the proposal, verdict, submission and outcome of an executed trade. */
export const executed = (lie: Lie) => {
  const outcome = any(lie, 'outcome')
  const byLeaf = (leaf: Json | undefined) => lie.records.find(r => r.leaf === leaf) as Loose
  const submission = byLeaf(body(outcome).submission)
  return { outcome, submission, proposal: byLeaf(body(submission).proposal) }
}
export const incident = (lie: Lie, like: Loose, more: Loose = {}): Loose => ({
  v: 3,
  kind: 'incident',
  runId: like.runId as string,
  seq: 0,
  atMs: like.atMs as number,
  parents: [],
  body: { what: 'something', caughtBy: 'somebody', reason: hex(lie, 8), evidence: null, ...more },
})

/** A decision that used an answer, whose tick is not the last thing that its run did. */
export function answering(lie: Lie): Loose {
  return pick(
    lie.random,
    all(lie, 'decision').filter(r => (body(r).doors as Loose[]).some(door => door.door !== 'observe')),
  )
}

export function approving(lie: Lie): Loose {
  return pick(
    lie.random,
    all(lie, 'verdict').filter(r => body(r).answer === 'approve'),
  )
}

import { readFileSync } from 'node:fs'
import { isMap, isScalar, isSeq, parseDocument, type YAMLMap } from 'yaml'
import { WarrantError } from '#verifier/evidence/error.ts'
import { type Policy, parsePolicy, validAt } from '#verifier/policy/policy.ts'

/** Where a policy lists a kind of key, and by which field. */
const LISTS = {
  agent: { path: ['identities', 'agents'], field: 'publicKey' },
  worker: { path: ['identities', 'workers'], field: 'publicKey' },
  log: { path: ['identities', 'log'], field: 'vkey' },
  witness: { path: ['witnesses', 'keys'], field: 'vkey' },
} as const
export type ListedKind = keyof typeof LISTS

export type RotateInPolicy = { kind: ListedKind; before: string; after: string; fromMs: number; untilMs: number }

/**
 * A policy in which a key has another beside it until a date, and gives way then; all else, comments included, stays.
 *
 * @throws BAD_INPUT when it does not list the old key, or lists the new one; BAD_CONFIG
 */
export function rotateInPolicy(file: string, rotation: RotateInPolicy): { text: string; policy: Policy } {
  const { kind, before, after, fromMs, untilMs } = rotation
  const { path, field } = LISTS[kind]
  const document = parseDocument(readFileSync(file, 'utf8'))
  const list = document.getIn(path, true)
  const items = isSeq(list) ? list.items : []
  const keyOf = (item: unknown) => (isScalar(item) ? item.value : isMap(item) ? item.get(field) : undefined)
  const at = items.findIndex(item => keyOf(item) === before)
  if (!isSeq(list) || at < 0)
    throw new WarrantError('BAD_INPUT', `${file}: ${path.join('.')} does not list ${before}: it cannot be replaced`)
  if (items.some(item => keyOf(item) === after))
    throw new WarrantError('BAD_INPUT', `${file}: ${path.join('.')} lists ${after} already`)
  if (kind === 'witness') {
    // One witness, whichever of its keys cosigns.
    const anyOf = [
      { vkey: before, untilMs },
      { vkey: after, fromMs },
    ]
    list.items[at] = document.createNode({ anyOf })
  } else {
    const old = items[at] as YAMLMap
    // All that the old one says, but for its end.
    const fresh = document.createNode({ ...(old.toJSON() as object), [field]: after, fromMs })
    fresh.delete('untilMs')
    list.items.splice(at + 1, 0, fresh)
    old.set('untilMs', untilMs)
  }
  const text = String(document)
  return { text, policy: parsePolicy(document.toJS(), file) }
}

/** Whether a policy lists a key of a kind at a time. */
export function isListed(policy: Policy, kind: ListedKind, key: string, atMs: number): boolean {
  const { identities, witnesses } = policy
  const valid = (entry: { fromMs?: number | undefined; untilMs?: number | undefined }) => validAt(entry, atMs)
  if (kind === 'agent') return identities.agents.some(a => a.publicKey === key && valid(a))
  if (kind === 'worker') return identities.workers.some(w => w.publicKey === key && valid(w))
  if (kind === 'log') return identities.log.some(l => l.vkey === key && valid(l))
  return (witnesses?.keys ?? []).some(entry =>
    typeof entry === 'string' ? entry === key : entry.anyOf.some(k => k.vkey === key && valid(k)),
  )
}

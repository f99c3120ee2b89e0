import { type Policy, validAt } from './policy.ts'

/** Each witness of a policy once, with the verification keys that count for it at a time: more than one while a key is replaced. */
export function policyWitnesses({ witnesses }: Pick<Policy, 'witnesses'>, atMs: number): string[][] {
  return (witnesses?.keys ?? []).map(entry =>
    typeof entry === 'string' ? [entry] : entry.anyOf.flatMap(key => (validAt(key, atMs) ? [key.vkey] : [])),
  )
}

/** Every key that a policy lists for a witness, whenever it counts. */
export function allWitnessKeys({ witnesses }: Pick<Policy, 'witnesses'>): string[] {
  return (witnesses?.keys ?? []).flatMap(entry =>
    typeof entry === 'string' ? [entry] : entry.anyOf.map(({ vkey }) => vkey),
  )
}

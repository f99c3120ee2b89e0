import { type Policy, validAt } from '#verifier/policy/policy.ts'

type Worker = { id: string; operator: string; publicKey: string }

/**
 * A run's workers as far as a policy lists their keys, each with the operator that the policy names: a run record is the
 * agent's word, and could name a second operator that is nobody.
 */
export function listedWorkers(
  { identities }: Pick<Policy, 'identities'>,
  workers: readonly Worker[],
  atMs: number,
): Worker[] {
  return workers.flatMap(worker => {
    const listed = identities.workers.find(({ publicKey }) => publicKey === worker.publicKey)
    return listed === undefined || !validAt(listed, atMs) ? [] : [{ ...worker, operator: listed.operator }]
  })
}

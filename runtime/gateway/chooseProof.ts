import type { Proof } from '#verifier/evidence/records/response.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import { LEAST_OPERATORS } from '#verifier/proof/agreement.ts'
import { INT_EXACT } from '#verifier/proof/freivalds/openTrace.ts'

export type ProofName = Proof['kind']

/** A kind, and why it was taken. */
export type ProofChoice = { kind: ProofName; why: string }

/** What a check costs beside running the model, cheapest first. */
const BY_COST: readonly ProofName[] = ['signed', 'freivalds', 'replay', 'quorum', 'refereed']

/** Kinds that a model can carry, where `operators` run workers. */
export function kindsFor(model: ModelIdentity, operators = 1): ProofName[] {
  if (model.file === null) return ['signed']
  return BY_COST.filter(
    kind =>
      ((kind !== 'freivalds' && kind !== 'refereed') || model.numeric === INT_EXACT) &&
      ((kind !== 'quorum' && kind !== 'refereed') || operators >= LEAST_OPERATORS),
  )
}

/** Beside another proof, a verifier runs the model again by itself where the set asks for that too. */
function satisfies(held: ReadonlySet<string>, set: readonly string[]): boolean {
  const hasOther = set.some(name => name !== 'replay' && name !== 'signed')
  return set.every(name => held.has(name) || (name === 'replay' && hasOther))
}

/**
 * The cheapest kind that satisfies all of a policy's sets, each a list of kinds that must all hold; else the one that
 * satisfies most of them. `demanded`: for each band of value at risk, its sets, any of which will do.
 */
export function chooseProof(
  model: ModelIdentity,
  demanded: readonly (readonly string[][])[],
  operators = 1,
): ProofChoice {
  const choices = kindsFor(model, operators).map(kind => {
    // A valid receipt is itself the proof `signed`.
    const held = new Set<string>(['signed', kind])
    return { kind, met: demanded.filter(sets => sets.some(set => satisfies(held, set))).length }
  })
  const most = Math.max(...choices.map(({ met }) => met))
  const { kind } = choices.find(({ met }) => met === most) as { kind: ProofName }
  const able = choices.map(choice => choice.kind).join(', ')
  const why =
    most === demanded.length
      ? `the cheapest of ${able} that every band of the policy accepts`
      : `of ${able}, it satisfies ${most} of the policy's ${demanded.length} bands: what the others cover will be denied`
  return { kind, why }
}

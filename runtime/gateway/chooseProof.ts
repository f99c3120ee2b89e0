import type { SingleProof } from '#verifier/evidence/records/proof.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import { LEAST_OPERATORS } from '#verifier/proof/agreement.ts'
import { INT_EXACT } from '#verifier/proof/freivalds/openTrace.ts'
import { OPENGRADIENT } from '#verifier/proof/opengradient.ts'

/** Who runs workers: how many operators, and whether every worker's key is attested by its platform. */
export type Workers = { operators: number; attested: boolean }

/** What an answer is proven by: a kind, or several with `+` between them; and why. */
export type ProofChoice = { kind: string; why: string }

type Kind = SingleProof['kind']

/** What a verifier takes for one answer of a model in µs: running it again, and checking its trace. */
export type CheckCosts = { runMicros: number; checkMicros: number }

/** Of a model that nobody has looked into. */
const UNKNOWN: CheckCosts = { runMicros: 100_000, checkMicros: 10_000 }

/** µs of a chain of certificates; it does not depend on the model. */
const ATTESTED = 1_000

/** In µs, beside the signature that every answer has. Agreement takes another worker's run. */
function costOf(kind: Kind, { runMicros, checkMicros }: CheckCosts): number {
  switch (kind) {
    case 'signed':
      return 0
    case 'tee':
    case 'opengradient':
      return ATTESTED
    case 'freivalds':
      return checkMicros
    case 'replay':
      return runMicros
    case 'quorum':
      return runMicros + 1
    default:
      return runMicros + 2
  }
}
const KINDS: readonly Kind[] = ['signed', 'tee', 'opengradient', 'freivalds', 'replay', 'quorum', 'refereed']

const ALONE: Workers = { operators: 1, attested: false }

/** Kinds that a model's answers can carry. */
export function kindsFor(model: ModelIdentity, { operators, attested }: Workers = ALONE): Kind[] {
  return KINDS.filter(kind => {
    switch (kind) {
      case 'signed':
        return true
      case 'opengradient':
        return model.numeric === OPENGRADIENT
      case 'tee':
        return attested && model.file !== null
      case 'freivalds':
        return model.file !== null && model.numeric === INT_EXACT
      case 'replay':
        return model.file !== null
      case 'quorum':
        return model.file !== null && operators >= LEAST_OPERATORS
      default:
        return model.file !== null && operators >= LEAST_OPERATORS && model.numeric === INT_EXACT
    }
  })
}

/** Beside another proof, a verifier runs the model again by itself where the set asks for that too. */
function satisfies(held: readonly string[], set: readonly string[]): boolean {
  const hasOther = set.some(name => name !== 'replay' && name !== 'signed')
  // A valid receipt is itself the proof `signed`.
  return set.every(name => name === 'signed' || held.includes(name) || (name === 'replay' && hasOther))
}

/**
 * The cheapest proof that satisfies all of a policy's sets, each a list of kinds that must all hold; else the one that
 * satisfies most of them. `demanded`: for each band of value at risk, its sets, any of which will do. `costs`: of this model.
 */
export function chooseProof(
  model: ModelIdentity,
  demanded: readonly (readonly string[][])[],
  workers: Workers = ALONE,
  costs: CheckCosts = UNKNOWN,
): ProofChoice {
  const able = kindsFor(model, workers)
  const together = demanded
    .flat()
    .map(set => able.filter(kind => kind !== 'signed' && kind !== 'replay' && set.includes(kind)))
    .filter(kinds => kinds.length > 1)
  const cost = (kinds: readonly Kind[]) => kinds.reduce((sum, kind) => sum + costOf(kind, costs), 0)
  const choices = [...able.map(kind => [kind]), ...together]
    .map(kinds => ({ kinds, met: demanded.filter(sets => sets.some(set => satisfies(kinds, set))).length }))
    .sort((a, b) => b.met - a.met || cost(a.kinds) - cost(b.kinds))
  const { kinds, met } = choices[0] as (typeof choices)[number]
  const estimate = costs === UNKNOWN ? '' : `, at about ${cost(kinds)} µs to check`
  const why =
    met === demanded.length
      ? `the cheapest of ${able.join(', ')} that every band of the policy accepts${estimate}`
      : `of ${able.join(', ')}, it satisfies ${met} of the policy's ${demanded.length} bands: what the others cover will be denied`
  return { kind: [...kinds].sort().join('+'), why }
}

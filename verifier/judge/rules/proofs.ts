import { kindsIn } from '#verifier/evidence/records/proof.ts'
import { proofSetsFor } from '#verifier/policy/policy.ts'
import { breaks, holds, type Rule } from '../rule.ts'

/** What running a model again is called among proof kinds. */
const REPLAY = 'replay'

/** Every model call carries proofs that satisfy the band of the value at risk, and they hold. */
export const proofs: Rule = {
  id: 'proofs',
  check: 'proofs',
  judge({ policy, subject, facts, valueUsd }) {
    const value = valueUsd()
    if (value === null) return breaks('the value at risk is unknown')
    const sets = proofSetsFor(policy, value)
    if (sets === null) return breaks(`no band of the policy covers ${value} USD`)
    const assumptions = new Set<string>()
    const kinds = new Set<string>()
    for (const { request, response } of subject.calls) {
      const { result, number } = response.body
      // A failed request has no output to prove; the decision was made without it, which the re-run shows.
      if (result.status !== 'ok') continue
      const { model: digest, numeric } = request.body
      const isThis = (model: { digest: string; numeric: string }) =>
        model.digest === digest && model.numeric === numeric
      if (!subject.run.body.models.some(isThis)) return breaks(`request ${number}: its model is not one of the run`)
      // Nothing that the policy does not list is run beside the key that signs: the rule of identities denies it.
      if (!policy.identities.models.some(isThis)) continue
      const report = facts.proof(number, 'proof')
      if (!report.ok) return breaks(`request ${number}, proof ${report.kind}: ${report.detail}`)
      // A valid receipt is itself the proof `signed`.
      const held = new Set(['signed', ...kindsIn(report.kind)])
      // Running the model again needs nothing of the worker: where that is all that a set still lacks, it is done.
      const lacks = sets.map(set => set.filter(kind => !held.has(kind)))
      if (lacks.every(missing => missing.length > 0) && lacks.some(missing => missing.join() === REPLAY)) {
        const again = facts.proof(number, 'replay')
        if (!again.ok) return breaks(`request ${number}, proof ${REPLAY}: ${again.detail}`)
        held.add(REPLAY)
        kinds.add(REPLAY)
        for (const assumption of again.assumptions) assumptions.add(`${REPLAY}: ${assumption}`)
      }
      if (!sets.some(set => set.every(kind => held.has(kind))))
        return breaks(
          `request ${number} is proven by ${[...held].join(' + ')}; ${value} USD at risk demand ${sets.map(set => set.join(' + ')).join(' or ')}`,
        )
      kinds.add(report.kind)
      for (const assumption of report.assumptions) assumptions.add(`${report.kind}: ${assumption}`)
    }
    const said = `${subject.calls.length} model calls proven by ${[...kinds].join(', ') || 'nothing: there were none'}`
    return holds(said, [...assumptions])
  },
}

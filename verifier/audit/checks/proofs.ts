import { kindsIn } from '#verifier/evidence/records/proof.ts'
import { proofSetsFor } from '#verifier/policy/policy.ts'
import { listedWorkers } from '#verifier/proof/listedWorkers.ts'
import { replay } from '#verifier/proof/replay.ts'
import { verifyProof } from '#verifier/proof/verifyProof.ts'
import { type Check, deny, pass } from '../context.ts'

/** 3. Every model call carries proofs that satisfy the band of the value at risk, and they hold. */
export const proofsCheck: Check = {
  id: 'proofs',
  async run({ policy, runState, calls, valueUsd, cosigned }, auditPorts) {
    if (valueUsd === null) return deny('the value at risk is unknown')
    const sets = proofSetsFor(policy, valueUsd)
    if (sets === null) return deny(`no band of the policy covers ${valueUsd} USD`)
    const assumptions = new Set<string>()
    // Attestations must hold when the last of the policy's witnesses saw the log, whatever the clocks here and there say.
    const atMs = cosigned.length === 0 ? null : 1_000 * Math.max(...cosigned.map(({ timeSeconds }) => timeSeconds))
    const { attestations: port } = auditPorts
    const attestation = port === null ? null : { port, accepted: policy.attestations ?? [], atMs }
    const ports = { ...auditPorts, attestation }
    const kinds = new Set<string>()
    for (const { request, requestLeaf, response } of calls) {
      const { result, number } = response.body
      // A failed request has no output to prove; the decision was made without it, which the re-run shows.
      if (result.status !== 'ok') continue
      const model = runState.run.body.models.find(
        m => m.digest === request.body.model && m.numeric === request.body.numeric,
      )
      if (model === undefined) return deny(`request ${number}: its model is not one of the run`)
      // Nothing that the policy does not list is run here, beside the key that signs verdicts.
      // The check of identities denies it, whatever the time.
      if (!policy.identities.models.some(m => m.digest === model.digest && m.numeric === model.numeric)) continue
      const workers = listedWorkers(policy, runState.run.body.keys.workers, auditPorts.nowMs())
      const subject = { request: request.body, requestLeaf, answer: result, model, workers }
      const report = await verifyProof(subject, ports, ports.nowMicros)
      if (!report.ok) return deny(`request ${number}, proof ${report.kind}: ${report.detail}`)
      // A valid receipt is itself the proof `signed`.
      const held = new Set(['signed', ...kindsIn(report.kind)])
      // Running the model again needs nothing of the worker: where that is all that a set still lacks, it is done here.
      const lacks = sets.map(set => set.filter(kind => !held.has(kind)))
      if (lacks.every(missing => missing.length > 0) && lacks.some(missing => missing.join() === replay.kind)) {
        const again = await replay.verify(subject, ports)
        if (!again.ok) return deny(`request ${number}, proof ${replay.kind}: ${again.detail}`)
        held.add(replay.kind)
        kinds.add(replay.kind)
        for (const assumption of replay.assumes) assumptions.add(`${replay.kind}: ${assumption}`)
      }
      if (!sets.some(set => set.every(kind => held.has(kind)))) {
        return deny(
          `request ${number} is proven by ${[...held].join(' + ')}; ${valueUsd} USD at risk demand ${sets.map(s => s.join(' + ')).join(' or ')}`,
        )
      }
      kinds.add(report.kind)
      for (const assumption of report.assumptions) assumptions.add(`${report.kind}: ${assumption}`)
    }
    return pass(`${calls.length} model calls proven by ${[...kinds].join(', ') || 'nothing: there were none'}`, [
      ...assumptions,
    ])
  },
}

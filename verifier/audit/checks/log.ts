import { type AuditContext, type Check, deny, pass } from '../context.ts'

/** 1. The decision and all it rests on stand in the log, which this verifier has followed from its first entry. */
export const logCheck: Check = {
  id: 'log',
  async run(context) {
    const { logFindings, checkpointSize, observation, decision, calls, runState, proposal } = context
    const first = logFindings[0]
    if (first !== undefined) return deny(`${first.where}: ${first.reason}`)
    if (runState.closed) return deny('the run is closed')
    if (decision.runId !== proposal.runId) return deny('the decision belongs to another run than the proposal')
    if (observation === null) return deny('the decision rests on no observation in the log')
    const inferred = decision.body.doors.filter(use => use.door !== 'observe').length
    if (inferred !== calls.length)
      return deny(`the decision names ${inferred} model calls, the log holds ${calls.length} of them`)
    const uncosigned = lacksCosignatures(context)
    if (uncosigned !== null) return deny(uncosigned)
    const witnesses =
      context.cosigned.length === 0 ? '' : `, cosigned by ${context.cosigned.map(w => w.name).join(', ')}`
    return pass(`root recomputed from all ${checkpointSize} entries equals the signed checkpoint${witnesses}`)
  },
}

/** Above the policy's value the log's keeper alone is not believed: an unknown value is above any. */
function lacksCosignatures({ policy, valueUsd, cosigned }: AuditContext): string | null {
  const { witnesses } = policy
  if (witnesses === undefined || (valueUsd !== null && valueUsd <= witnesses.aboveUsd)) return null
  return cosigned.length >= witnesses.threshold
    ? null
    : `${valueUsd ?? 'unknown'} USD need ${witnesses.threshold} cosignatures of the checkpoint, ${cosigned.length} are there`
}

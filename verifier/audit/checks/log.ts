import { type Check, deny, pass } from '../context.ts'

/** 1. The decision and all it rests on stand in the log, which this verifier has followed from its first entry. */
export const logCheck: Check = {
  id: 'log',
  async run({ logFindings, checkpointSize, observation, decision, calls, runState, proposal }) {
    const first = logFindings[0]
    if (first !== undefined) return deny(`${first.where}: ${first.reason}`)
    if (runState.closed) return deny('the run is closed')
    if (decision.runId !== proposal.runId) return deny('the decision belongs to another run than the proposal')
    if (observation === null) return deny('the decision rests on no observation in the log')
    const inferred = decision.body.doors.filter(use => use.door !== 'observe').length
    if (inferred !== calls.length)
      return deny(`the decision names ${inferred} model calls, the log holds ${calls.length} of them`)
    return pass(`root recomputed from all ${checkpointSize} entries equals the signed checkpoint`)
  },
}

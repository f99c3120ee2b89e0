import { breaks, holds, type Rule } from '../rule.ts'

/** The decision and all it rests on stand in the log, which this verifier has followed from its first entry. */
export const wholeLog: Rule = {
  id: 'log',
  check: 'log',
  judge({ subject, facts }) {
    const { observation, decision, calls, proposal, isRunClosed } = subject
    const { fault, size, cosigned } = facts.raw.log
    if (fault !== null) return breaks(fault)
    if (isRunClosed) return breaks('the run is closed')
    if (decision.runId !== proposal.runId) return breaks('the decision belongs to another run than the proposal')
    if (observation === null) return breaks('the decision rests on no observation in the log')
    const inferred = decision.body.doors.filter(use => use.door !== 'observe').length
    if (inferred !== calls.length)
      return breaks(`the decision names ${inferred} model calls, the log holds ${calls.length} of them`)
    const witnesses = cosigned.length === 0 ? '' : `, cosigned by ${cosigned.map(({ name }) => name).join(', ')}`
    return holds(`root recomputed from all ${size} entries equals the signed checkpoint${witnesses}`)
  },
}

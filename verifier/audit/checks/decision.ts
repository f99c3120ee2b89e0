import { rederiveDecision } from '#verifier/replay/rederiveDecision.ts'
import { type Check, deny, pass } from '../context.ts'

/** 5. The strategy, run again on the recorded inputs, asks for the same and decides the same. */
export const decisionCheck: Check = {
  id: 'decision',
  async run({ runState, records, decision }, { crypto, strategy }) {
    const sandboxed = await strategy(runState.run)
    const difference = await rederiveDecision({ crypto, strategy: sandboxed, find: records.find }, decision)
    if (difference !== null) {
      return deny(
        `run again, the strategy differs in ${difference.field}: recorded ${difference.recorded.slice(0, 300)}, now ${difference.rederived.slice(0, 300)}`,
      )
    }
    return pass(`the strategy asks for the same ${decision.body.doors.length} things and decides the same`, [
      "the sandbox is the same code as the producer's",
    ])
  },
}

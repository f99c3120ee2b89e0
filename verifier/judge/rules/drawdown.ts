import { treasuryUsd } from '#verifier/effects/treasuryValue.ts'
import { breaks, holds, type Rule } from '../rule.ts'

/** Nothing more once the treasury is so far below its highest value of the window. */
export const drawdown: Rule = {
  id: 'limits.maxDrawdownBps',
  check: 'policy',
  judge({ policy, subject: { observation }, facts, tick, isExit }) {
    if (isExit()) return holds()
    const nowUsd = observation === null ? 0 : treasuryUsd(policy, observation.body.view, tick())
    const highest = Math.max(nowUsd, facts.raw.journal.highestTreasuryUsd)
    const fallBps = highest === 0 ? 0 : Math.floor(((highest - nowUsd) * 10_000) / highest)
    const most = policy.limits.maxDrawdownBps
    return fallBps > most
      ? breaks(`the treasury has fallen by ${fallBps} bps from ${highest} USD; the policy stops at ${most}`)
      : holds()
  },
}

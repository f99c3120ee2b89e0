import type { Call } from '#verifier/evidence/records/proposal.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { decodeCall } from './decodeCall.ts'
import { type Show, showBy } from './show.ts'

/** Calls in words, one line each, by the verifier's own decoder; what it does not know is shown as it is. */
export function describeCalls(calls: readonly Call[], policy: Policy | null, show: Show = showBy(policy)): string[] {
  return calls.map(call => {
    const decoded = decodeCall(call, policy)
    if (decoded !== null) return decoded.words(show)
    const unknown = `UNKNOWN call ${call.data.slice(0, 10)} of ${call.data.length / 2 - 1} bytes to ${show.address(call.to)}`
    return `${unknown}${call.value === '0' ? '' : `, with ${show.amountOf('native', BigInt(call.value))}`}`
  })
}

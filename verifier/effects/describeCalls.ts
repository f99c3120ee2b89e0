import type { Call } from '#verifier/evidence/records/proposal.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { decodeCall } from './decodeCall.ts'

/** Calls in words, one line each, by the verifier's own decoder; what it does not know is shown as it is. */
export function describeCalls(calls: readonly Call[], policy: Policy | null): string[] {
  return calls.map(call => {
    const unknown = `${call.to}: unknown call ${call.data.slice(0, 10)} of ${call.data.length / 2 - 1} bytes`
    return decodeCall(call, policy)?.words ?? `${unknown}${call.value === '0' ? '' : `, with ${call.value} wei`}`
  })
}

import type { Call } from '#verifier/evidence/records/proposal.ts'
import { decodeCall } from './decodeCall.ts'

/** Calls in words, one line each, by the verifier's own decoder; what it does not know is shown as it is. */
export function describeCalls(calls: readonly Call[]): string[] {
  return calls.map(call => `${describe(call)}${call.value === '0' ? '' : ` with ${call.value} wei`}`)
}

function describe(call: Call): string {
  const known = decodeCall(call)
  if (known === null) return `${call.to}: unknown call ${call.data.slice(0, 10)} of ${call.data.length / 2 - 1} bytes`
  if (known.type === 'approve') return `let ${known.spender} take ${known.amount} of ${known.token}`
  if (known.type === 'transfer') return `pay ${known.amount} of ${known.token} to ${known.to}`
  return `swap ${known.amountIn} of ${known.tokenIn} for at least ${known.amountOutMinimum} of ${known.tokenOut}, paid to ${known.recipient}`
}

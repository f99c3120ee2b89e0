import type { Call } from '#verifier/evidence/records/proposal.ts'
import type { DecodedCall } from './adapters/adapter.ts'
import { ADAPTERS } from './adapters/index.ts'

/** What a call does, or null for one that cannot be decoded: the caller MUST refuse it. */
export function decodeCall(call: Call): DecodedCall | null {
  const selector = call.data.slice(0, 10)
  for (const { calls } of ADAPTERS) {
    if (!Object.hasOwn(calls, selector)) continue
    const decoded = calls[selector]?.(call) ?? null
    return decoded !== null && decoded.value === BigInt(call.value) ? decoded : null
  }
  return null
}

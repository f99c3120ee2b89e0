import type { Call } from '#verifier/evidence/records/proposal.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import type { DecodedCall } from './adapters/adapter.ts'
import { ADAPTERS } from './adapters/index.ts'

/**
 * What a call does, or null for one that cannot be decoded: the caller MUST refuse it. Without a policy the calls that only
 * a policy names are unknown.
 */
export function decodeCall(call: Call, policy: Policy | null): DecodedCall | null {
  const decoded = decoderOf(call.data.slice(0, 10))(call, policy)
  return decoded !== null && decoded.value === BigInt(call.value) ? decoded : null
}

function decoderOf(selector: string): (call: Call, policy: Policy | null) => DecodedCall | null {
  for (const { calls } of ADAPTERS) {
    const decode = Object.hasOwn(calls, selector) ? calls[selector] : undefined
    if (decode !== undefined) return decode
  }
  return (call, policy) => {
    if (policy === null) return null
    for (const { named } of ADAPTERS) {
      const decoded = named?.(call, policy) ?? null
      if (decoded !== null) return decoded
    }
    return null
  }
}

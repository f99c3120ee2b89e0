import type { Call } from '#verifier/evidence/records/proposal.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import type { DecodedCall } from './adapters/adapter.ts'
import { decodeCall } from './decodeCall.ts'
import type { ModuleLimits } from './moduleLimits.ts'
import { approvedTo } from './valueAtRisk.ts'

/**
 * What the module will count as outflow of a batch, by asset in base units: what each call takes, every allowance of a
 * spender whom the owners do not list, and the liquidity that leaves positions, under the position manager's address.
 * Null where a call cannot be decoded.
 */
export function grossOutflows(
  policy: Policy,
  calls: readonly Call[],
  limits: Pick<ModuleLimits, 'isSpender'>,
): Map<string, bigint> | null {
  const decoded: DecodedCall[] = []
  for (const call of calls) {
    const known = decodeCall(call, policy)
    if (known === null) return null
    decoded.push(known)
  }
  const total = new Map<string, bigint>()
  for (const call of decoded)
    for (const { token, amount } of outflowsOfOne(call, decoded, limits))
      total.set(token, (total.get(token) ?? 0n) + amount)
  return total
}

function outflowsOfOne(
  call: DecodedCall,
  batch: readonly DecodedCall[],
  { isSpender }: Pick<ModuleLimits, 'isSpender'>,
) {
  if (call.name === 'approve')
    return isSpender(call.to, String(call.args.spender))
      ? []
      : [{ token: call.to, amount: BigInt(call.args.amount ?? 0) }]
  if (call.name === 'decreaseLiquidity') return [{ token: call.to, amount: BigInt(call.args.liquidity ?? 0) }]
  return call.outflows === 'approved' ? approvedTo(call, batch) : call.outflows
}

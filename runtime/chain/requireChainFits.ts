import { chainFaults } from '#verifier/effects/chainFaults.ts'
import { askNode } from '#verifier/effects/reading.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { ChainPort } from '#verifier/evidence/ports/chain.ts'
import type { PlaceOf, Policy } from '#verifier/policy/policy.ts'

/**
 * Refuses a policy that its chain contradicts. `placeOf`: where a field stands in its file.
 *
 * @throws BAD_CONFIG naming file, line and field; CHAIN_FAILED where the node does not answer
 */
export async function requireChainFits(
  policy: Policy,
  chain: Pick<ChainPort, 'chainId' | 'head' | 'read'>,
  placeOf: PlaceOf,
): Promise<void> {
  const chainId = await chain.chainId()
  if (chainId !== policy.chainId)
    throw new WarrantError(
      'BAD_CONFIG',
      `${placeOf(['chainId'])}: chainId: is ${policy.chainId}, the node is of chain ${chainId}`,
    )
  const { number } = await chain.head()
  const faults = await askNode(chainFaults(policy), call => chain.read(call, number))
  const [first, ...others] = faults
  if (first === undefined) return
  const more =
    others.length === 0 ? '' : ` (and ${others.length} more: ${others.map(({ path }) => path.join('.')).join(', ')})`
  throw new WarrantError('BAD_CONFIG', `${placeOf(first.path)}: ${first.path.join('.')}: ${first.reason}${more}`)
}

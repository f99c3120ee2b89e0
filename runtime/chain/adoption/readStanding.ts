import type { Hex, PublicClient } from 'viem'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { GUARD_ABI } from '../abi.ts'
import { guardFault, moduleFault, refuseFault } from './checkDeployment.ts'
import { readModule } from './moduleState.ts'
import type { Standing } from './planAdoption.ts'
import { hasModuleGuards, readSafe, type SafeState } from './safeState.ts'

/** What stands on the chain, once it is known to be this version's module and guard for this Safe. */
export type CheckedStanding = Standing & { safe: SafeState; checked: string }

/** @throws REFUSED naming the first thing that is not what it must be, CHAIN_FAILED */
export async function readStanding(
  client: PublicClient,
  policy: Policy,
  { guard }: { guard: string | null },
): Promise<CheckedStanding> {
  const chainId = await client.getChainId()
  if (chainId !== policy.chainId)
    throw new WarrantError('REFUSED', `the node is of chain ${chainId}, the policy is for ${policy.chainId}`)
  const safe = await readSafe(client, policy.safe)
  refuseFault(await moduleFault(client, policy))
  if (guard !== null && !hasModuleGuards(safe))
    throw new WarrantError(
      'REFUSED',
      `Safe ${safe.version} has no module guards (1.5 has): set guard to null, and enable no other module`,
    )
  if (guard !== null) refuseFault(await guardFault(client, guard, policy))
  const allowed =
    guard === null
      ? []
      : await client.readContract({ address: guard as Hex, abi: GUARD_ABI, functionName: 'getAllowed' })
  const no = hasModuleGuards(safe) ? 'could have a module guard and gets none' : 'has no module guards'
  return {
    safe,
    module: await readModule(client, policy.module as Hex),
    allowed: allowed.map(module => module.toLowerCase()),
    checked:
      guard === null
        ? `module ${policy.module} is this version's; Safe ${safe.version} ${no}: no other module may ever be enabled`
        : `module ${policy.module} and guard ${guard} are this version's, Safe ${safe.version}`,
  }
}

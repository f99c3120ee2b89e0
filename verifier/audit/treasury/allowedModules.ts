import type { ChainPort } from '#verifier/evidence/ports/chain.ts'

/** Calldata of a Safe's getStorageAt(keccak256("module_manager.module_guard.address"), 1). */
const MODULE_GUARD =
  '0x5624b25bb104e0b93118902c651344349b610029d694cfdec91c589c91ebafbcd02899470000000000000000000000000000000000000000000000000000000000000001'
/** Selector of WarrantGuard's isAllowed(address). */
const IS_ALLOWED = '0xbabcc539'

/**
 * Whether the Safe's module guard allowed a module after a block: the owners set both.
 *
 * @throws CHAIN_FAILED where the node no longer knows
 */
export async function isAllowedModule(
  chain: Pick<ChainPort, 'read'>,
  safe: string,
  module: string,
  block: number,
): Promise<boolean> {
  const stored = await chain.read({ to: safe, data: MODULE_GUARD }, block)
  const guard = `0x${stored.slice(-40)}`
  if (/^0x0*$/.test(guard)) return false
  const answer = await chain.read({ to: guard, data: `${IS_ALLOWED}${module.slice(2).padStart(64, '0')}` }, block)
  return /^0x0{63}1$/.test(answer)
}

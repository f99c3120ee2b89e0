import { type Hex, type PublicClient, parseAbi } from 'viem'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { verdictDomainSeparator } from './domainSeparator.ts'
import { ownCodeFault } from './ownCode.ts'

const ABI = parseAbi([
  'function safe() view returns (address)',
  'function warrantModule() view returns (address)',
  'function domainSeparator() view returns (bytes32)',
  'function onArbitrum() view returns (bool)',
])
const ARBSYS = '0x0000000000000000000000000000000000000064'
const ARB_BLOCK_NUMBER = '0xa3b1b31d'

/** Where module and guard are, for which Safe and chain. */
export type Deployment = Pick<Policy, 'chainId' | 'safe' | 'module'>

/** Why an address is not this version's module for this Safe and chain, or null. The code, byte by byte; what was filled in, read. */
export async function moduleFault(client: PublicClient, { chainId, safe, module }: Deployment): Promise<string | null> {
  const address = module as Hex
  const fault = ownCodeFault('WarrantModule', await client.getCode({ address }))
  if (fault !== null) return `${module}: ${fault}`
  const own = await client.readContract({ address, abi: ABI, functionName: 'safe' })
  if (own.toLowerCase() !== safe) return `the module's Safe is ${own}, expected ${safe}`
  const domain = await client.readContract({ address, abi: ABI, functionName: 'domainSeparator' })
  const expected = verdictDomainSeparator(chainId, module)
  if (domain !== expected)
    return `${module}: signs for another chain or address: its domain is ${domain}, expected ${expected}`
  const told = await client.call({ to: ARBSYS, data: ARB_BLOCK_NUMBER }).catch(() => ({ data: undefined }))
  const isArbitrum = told.data?.length === 66
  if ((await client.readContract({ address, abi: ABI, functionName: 'onArbitrum' })) !== isArbitrum)
    return `${module}: takes this chain ${isArbitrum ? 'for none of' : 'for one of'} Arbitrum's, which it is${isArbitrum ? '' : ' not'}`
  return null
}

/** Why an address is not this version's guard for this Safe and module, or null. */
export async function guardFault(
  client: PublicClient,
  guard: string,
  { safe, module }: Deployment,
): Promise<string | null> {
  const address = guard as Hex
  const fault = ownCodeFault('WarrantGuard', await client.getCode({ address }))
  if (fault !== null) return `${guard}: ${fault}`
  const own = await client.readContract({ address, abi: ABI, functionName: 'safe' })
  if (own.toLowerCase() !== safe) return `the guard's Safe is ${own}, expected ${safe}`
  const guarded = await client.readContract({ address, abi: ABI, functionName: 'warrantModule' })
  if (guarded.toLowerCase() !== module) return `the guard's module is ${guarded}, expected ${module}`
  return null
}

/** @throws REFUSED with the fault, where there is one */
export function refuseFault(fault: string | null): void {
  if (fault !== null) throw new WarrantError('REFUSED', fault)
}

import { decodeFunctionResult, encodeFunctionData } from 'viem'
import type { ChainPort } from '#verifier/evidence/ports/chain.ts'
import { MODULE_ABI } from './abi.ts'
import type { Accepted } from './createTreasury.ts'

type Hex = `0x${string}`

/** Whose signatures a module counts at the head of the chain, and how many it takes. @throws CHAIN_FAILED */
export async function readVerifiers(chain: ChainPort, module: string): Promise<Accepted> {
  const { number } = await chain.head()
  const read = async (data: Hex) => (await chain.read({ to: module, data }, number)) as Hex
  const abi = MODULE_ABI
  const [verifiers, threshold] = await Promise.all([
    read(encodeFunctionData({ abi, functionName: 'getVerifiers' })),
    read(encodeFunctionData({ abi, functionName: 'verifierThreshold' })),
  ])
  const addresses = decodeFunctionResult({ abi, functionName: 'getVerifiers', data: verifiers })
  return {
    verifiers: new Set(addresses.map(address => address.toLowerCase())),
    threshold: decodeFunctionResult({ abi, functionName: 'verifierThreshold', data: threshold }),
  }
}

import { type Hex, numberToHex, type PublicClient, parseAbi, zeroAddress } from 'viem'
import { WarrantError } from '#verifier/evidence/error.ts'
import { packageArtifact } from '../artifacts.ts'

const ABI = parseAbi([
  'function VERSION() view returns (string)',
  'function nonce() view returns (uint256)',
  'function getThreshold() view returns (uint256)',
  'function getOwners() view returns (address[])',
  'function getModulesPaginated(address start, uint256 pageSize) view returns (address[] array, address next)',
])
const SENTINEL = `0x${'0'.repeat(39)}1` as const
/** Where a Safe keeps them: keccak256 of "module_manager.module_guard.address" and so on. */
const MODULE_GUARD = '0xb104e0b93118902c651344349b610029d694cfdec91c589c91ebafbcd0289947'
const TRANSACTION_GUARD = '0x4a204f620c8c5ccdca3fd54d003badd85ba500436a431f0cbda4f558c93c34c8'
const FALLBACK_HANDLER = '0x6c9a6c4a39284e37ed1cf53d337577d14212a4870fb976a4366c693b939918d5'

/** What of a Safe decides who can move its money; addresses in lower case, null: there is none. */
export type SafeState = {
  version: string
  nonce: bigint
  threshold: number
  owners: string[]
  singleton: string
  /** All that are enabled, the last enabled first. */
  modules: string[]
  moduleGuard: string | null
  transactionGuard: string | null
  fallbackHandler: string | null
}

/** Reads a Safe. @throws REFUSED when there is none */
export async function readSafe(client: PublicClient, address: string): Promise<SafeState> {
  const safe = { address: address as Hex, abi: ABI } as const
  const code = await client.getCode({ address: safe.address })
  if (code === undefined || code === '0x')
    throw new WarrantError('REFUSED', `the Safe ${address} is not deployed on this chain: there is no contract`)
  const version = await client.readContract({ ...safe, functionName: 'VERSION' }).catch((cause: unknown) => {
    throw new WarrantError('REFUSED', `${address} is no Safe: it does not say which version it is`, { cause })
  })
  const wordAt = async (slot: Hex): Promise<string | null> => {
    const word = await client.getStorageAt({ address: safe.address, slot })
    const account = `0x${(word ?? '0x').slice(2).padStart(64, '0').slice(24)}`
    return account === zeroAddress ? null : account.toLowerCase()
  }
  const modules: string[] = []
  for (let start: Hex = SENTINEL; ; ) {
    const [page, next] = await client.readContract({
      ...safe,
      functionName: 'getModulesPaginated',
      args: [start, 50n],
    })
    modules.push(...page.map(module => module.toLowerCase()))
    if (page.length === 0 || next === SENTINEL || next === zeroAddress) break
    start = next
  }
  return {
    version,
    nonce: await client.readContract({ ...safe, functionName: 'nonce' }),
    threshold: Number(await client.readContract({ ...safe, functionName: 'getThreshold' })),
    owners: (await client.readContract({ ...safe, functionName: 'getOwners' })).map(owner => owner.toLowerCase()),
    singleton: (await wordAt(numberToHex(0, { size: 32 }))) ?? zeroAddress,
    modules,
    moduleGuard: await wordAt(MODULE_GUARD),
    transactionGuard: await wordAt(TRANSACTION_GUARD),
    fallbackHandler: await wordAt(FALLBACK_HANDLER),
  }
}

/** Whether a Safe of this version asks a module guard. */
export function hasModuleGuards({ version }: Pick<SafeState, 'version'>): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > 1 || (major === 1 && minor >= 5)
}

const PACKAGE = '@safe-global/safe-smart-account/build/artifacts/contracts'
const HANDLERS = [
  'handler/CompatibilityFallbackHandler.sol/CompatibilityFallbackHandler.json',
  'handler/ExtensibleFallbackHandler.sol/ExtensibleFallbackHandler.json',
  'handler/TokenCallbackHandler.sol/TokenCallbackHandler.json',
]
const SINGLETONS = ['Safe.sol/Safe.json', 'SafeL2.sol/SafeL2.json']
/** Safe's own of 1.3.0 and 1.4.1, at the same address on every chain: the address follows from the code. */
const CANONICAL_HANDLERS = [
  '0xf48f2b2d2a534e402487b3ee7c18c33aec0fe5e4',
  '0x017062a1de2fe6b99be3d9d37841fed19f573804',
  '0xfd0732dc9e303f09fcef3a7388ad10a83459ec99',
]
const CANONICAL_SINGLETONS = [
  '0xd9db270c1b5e3bd161e8c8503c55ceabee709552',
  '0x3e5c63644e683549055b9be8653de26e0b4cd36e',
  '0x69f4d1788e39c87893c980c06edf4b7f686e2938',
  '0xfb1bffc9d739b8d520daf37df666da4c687191ea',
  '0x41675c099f32341bf84bfc5382af534df5c7461a',
  '0x29fcb43b46531bca003ddc8fcb67ffe91900c762',
]

/** Whether a contract is one that Safe published: by its code, or by an address that follows from it. */
async function isPublished(client: PublicClient, address: string, paths: string[], canonical: string[]) {
  if (canonical.includes(address)) return true
  const code = await client.getCode({ address: address as Hex })
  return paths.some(
    path => packageArtifact(`${PACKAGE}/${path}`).deployedBytecode.toLowerCase() === code?.toLowerCase(),
  )
}

/** Whether a fallback handler is one of Safe's own, which move nothing. */
export const isSafesHandler = (client: PublicClient, address: string) =>
  isPublished(client, address, HANDLERS, CANONICAL_HANDLERS)

/** Whether the code that a Safe runs is Safe's. */
export const isSafesSingleton = (client: PublicClient, address: string) =>
  isPublished(client, address, SINGLETONS, CANONICAL_SINGLETONS)

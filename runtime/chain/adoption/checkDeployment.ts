import { createPublicClient, type Hex, http, parseAbi } from 'viem'
import type { TreasuryConfig } from '#config/treasuryConfig.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { MODULE_ABI } from '../abi.ts'
import { ownArtifact } from '../artifacts.ts'

const ABI = parseAbi([
  'function safe() view returns (address)',
  'function warrantModule() view returns (address)',
  'function VERSION() view returns (string)',
])

/**
 * Whether what stands on the chain is this module and this guard, for this Safe, with these verifiers: the code byte by
 * byte but for its immutables, which are read. @throws REFUSED naming the first difference, CHAIN_FAILED
 */
export async function checkDeployment(rpc: string, policy: Policy, config: TreasuryConfig): Promise<string[]> {
  const client = createPublicClient({ transport: http(rpc, { retryCount: 1 }) })
  const refuse = (reason: string): never => {
    throw new WarrantError('REFUSED', reason)
  }
  const same = (what: string, actual: string, expected: string) =>
    actual.toLowerCase() === expected.toLowerCase() || refuse(`${what} is ${actual}, expected ${expected}`)
  const chainId = await client.getChainId()
  if (chainId !== policy.chainId) refuse(`${rpc} is chain ${chainId}, the policy is for ${policy.chainId}`)
  const codeOf = async (address: string, name: string) => {
    const code = await client.getCode({ address: address as Hex })
    if (code === undefined) refuse(`${address}: there is no contract`)
    if (!isCodeOf(name, code as Hex)) refuse(`${address}: is not the ${name} of this version`)
  }
  const module = { address: policy.module as Hex, abi: MODULE_ABI } as const
  await codeOf(policy.module, 'WarrantModule')
  same("the module's Safe", await client.readContract({ ...module, abi: ABI, functionName: 'safe' }), policy.safe)
  const verifiers = await client.readContract({ ...module, functionName: 'getVerifiers' })
  same("the module's verifiers", [...verifiers].join(), [...config.verifiers].sort().join())
  same(
    'its threshold',
    String(await client.readContract({ ...module, functionName: 'verifierThreshold' })),
    String(config.threshold),
  )
  same('its guardian', await client.readContract({ ...module, functionName: 'guardian' }), config.guardian)
  const version = await client.readContract({ address: policy.safe as Hex, abi: ABI, functionName: 'VERSION' })
  const guarded = Number(version.split('.')[0]) > 1 || Number(version.split('.')[1]) >= 5
  if (config.guard === null)
    return [
      `module ${policy.module} is this version's`,
      guarded
        ? `Safe ${version} could have a module guard and gets none: no other module may ever be enabled`
        : `Safe ${version} has no module guards: no other module may ever be enabled (warrant doctor checks it)`,
    ]
  if (!guarded) refuse(`Safe ${version} has no module guards (1.5 has): set guard to null, and enable no other module`)
  await codeOf(config.guard, 'WarrantGuard')
  const guard = { address: config.guard as Hex, abi: ABI } as const
  same("the guard's Safe", await client.readContract({ ...guard, functionName: 'safe' }), policy.safe)
  same("the guard's module", await client.readContract({ ...guard, functionName: 'warrantModule' }), policy.module)
  return [`module ${policy.module} and guard ${config.guard} are this version's, Safe ${version}`]
}

/** Whether deployed code is that of one of this project's contracts, whatever its immutables are. */
export function isCodeOf(name: string, code: Hex): boolean {
  const { deployedBytecode, immutables } = ownArtifact(name)
  if (code.length !== deployedBytecode.length) return false
  const mask = (text: string) => {
    const bytes = Buffer.from(text.slice(2), 'hex')
    for (const { start, length } of immutables) bytes.fill(0, start, start + length)
    return bytes
  }
  return mask(code).equals(mask(deployedBytecode))
}

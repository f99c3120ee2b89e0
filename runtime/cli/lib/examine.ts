import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPublicClient, http, parseAbi } from 'viem'
import { readYaml } from '#config/loadConfig.ts'
import { MODULE_ABI } from '#runtime/chain/abi.ts'
import { ownArtifact } from '#runtime/chain/artifacts.ts'
import { writeDurably } from '#runtime/log/disk.ts'
import { loadStrategy, strategyEntry } from '#runtime/run/openRun.ts'
import { machineKernels } from '#runtime/worker/machineKernels.ts'
import { onnxEngine } from '#runtime/worker/onnxEngine.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { parsePolicy, policyDigest } from '#verifier/policy/policy.ts'

export type Examination = { what: string; ok: boolean; detail: string }

const SAFE_ABI = parseAbi([
  'function VERSION() view returns (string)',
  'function isModuleEnabled(address) view returns (bool)',
  'function getModulesPaginated(address start, uint256 pageSize) view returns (address[] array, address next)',
  'function getStorageAt(uint256 offset, uint256 length) view returns (bytes)',
  'function safe() view returns (address)',
])
/** What a class of processor means for exact-integer models. */
const KERNELS = {
  exact: '8-bit kernels are exact',
  saturating: '8-bit kernels saturate: ops that could are run with weights as uint8',
  unknown: 'nobody has looked whether its 8-bit kernels saturate: ops that could are run with weights as uint8',
}
/** keccak256("module_manager.module_guard.address"), where a Safe 1.5 keeps its module guard. */
const MODULE_GUARD_SLOT = 0xb104e0b93118902c651344349b610029d694cfdec91c589c91ebafbcd0289947n
const SENTINEL = `0x${'0'.repeat(39)}1` as const
type Hex = `0x${string}`

/** Examines this machine and, where asked, a chain, a treasury, a Redis. */
export async function examine({
  rpc,
  module,
  policy,
  redis,
}: {
  rpc?: string
  module?: string
  policy?: string
  redis?: string
}): Promise<Examination[]> {
  const results: Examination[] = []
  const check = async (what: string, work: () => Promise<string> | string) => {
    try {
      results.push({ what, ok: true, detail: await work() })
    } catch (error) {
      results.push({ what, ok: false, detail: reasonOf(error) })
    }
  }
  const require_ = (ok: boolean, reason: string) => {
    if (!ok) throw new WarrantError('REFUSED', reason)
  }

  await check('node', () => {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
    require_(major > 20 || (major === 20 && minor >= 19), `${process.versions.node}: needs 20.19 or newer`)
    return process.versions.node
  })
  await check('durable writes', () => {
    const dir = mkdtempSync(join(tmpdir(), 'warrant-doctor-'))
    const since = performance.now()
    writeDurably(join(dir, 'x'), new Uint8Array(4_096))
    rmSync(dir, { recursive: true })
    return `${(performance.now() - since).toFixed(1)} ms`
  })
  await check('onnxruntime', () => onnxEngine.runtime)
  await check('processor', async () => {
    const { name, kernels } = await machineKernels()
    return `${name}: ${KERNELS[kernels]}`
  })
  await check('contracts', () => `WarrantModule of ${(ownArtifact('WarrantModule').bytecode.length - 2) / 2} bytes`)
  await check('sandbox and model', async () => {
    const strategy = await loadStrategy(strategyEntry('trend-follower'))
    await strategy.sandboxed.close()
    return `trend-follower ${strategy.bundle.digest.slice(0, 16)}…`
  })
  if (redis !== undefined) {
    await check('redis', async () => {
      const { Redis } = await import('ioredis')
      const client = new Redis(redis, { lazyConnect: true, maxRetriesPerRequest: 1, retryStrategy: () => null })
      client.on('error', () => {})
      try {
        await client.connect()
        return await client.ping()
      } finally {
        client.disconnect()
      }
    })
  }
  if (rpc === undefined) return results

  const client = createPublicClient({ transport: http(rpc, { retryCount: 0, timeout: 10_000 }) })
  await check('chain', async () => `${await client.getChainId()}, block ${await client.getBlockNumber()}`)
  if (module === undefined) return results
  const read = (functionName: 'policyDigest' | 'paused' | 'getVerifiers' | 'verifierThreshold') =>
    client.readContract({ address: module as Hex, abi: MODULE_ABI, functionName })
  let safe: Hex = SENTINEL
  await check('module', async () => {
    safe = await client.readContract({ address: module as Hex, abi: SAFE_ABI, functionName: 'safe' })
    return `for Safe ${safe}`
  })
  await check(
    'verifiers',
    async () => `${await read('verifierThreshold')} of ${((await read('getVerifiers')) as string[]).length}`,
  )
  await check('not paused', async () => {
    require_((await read('paused')) === false, 'the module is paused: only the owners can resume it')
    return 'running'
  })
  await check('module enabled', async () => {
    require_(
      await client.readContract({
        address: safe,
        abi: SAFE_ABI,
        functionName: 'isModuleEnabled',
        args: [module as Hex],
      }),
      'the Safe has not enabled it',
    )
    return 'yes'
  })
  await check('no other way in', async () => {
    const [modules] = await client.readContract({
      address: safe,
      abi: SAFE_ABI,
      functionName: 'getModulesPaginated',
      args: [SENTINEL, 50n],
    })
    const others = modules.filter(m => m.toLowerCase() !== module.toLowerCase())
    const guard = await client.readContract({
      address: safe,
      abi: SAFE_ABI,
      functionName: 'getStorageAt',
      args: [MODULE_GUARD_SLOT, 1n],
    })
    const guarded = BigInt(guard) !== 0n
    require_(
      guarded || others.length === 0,
      `no module guard, and other modules are enabled: ${others.join(', ')}: disable them, or set WarrantGuard (Safe 1.5)`,
    )
    return guarded
      ? `module guard 0x${guard.slice(26)}`
      : 'no other module is enabled (keep it so: there is no module guard)'
  })
  if (policy !== undefined) {
    await check('policy', async () => {
      const digest = `0x${policyDigest(parsePolicy(readYaml(policy), policy))}`
      const onChain = await read('policyDigest')
      require_(digest === onChain, `${policy} has digest ${digest}, the module ${onChain}`)
      return digest
    })
  }
  return results
}

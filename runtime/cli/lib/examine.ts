import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPublicClient, http, parseAbi } from 'viem'
import { readPolicy } from '#config/readPolicy.ts'
import type { TreasuryConfig } from '#config/treasuryConfig.ts'
import { examineTreasury } from '#runtime/chain/adoption/examineTreasury.ts'
import { ownArtifact } from '#runtime/chain/artifacts.ts'
import { probeNode } from '#runtime/chain/probeNode.ts'
import { writeDurably } from '#runtime/log/disk.ts'
import { loadStrategy, strategyEntry } from '#runtime/run/openRun.ts'
import { machineKernels } from '#runtime/worker/machineKernels.ts'
import { onnxEngine } from '#runtime/worker/onnxEngine.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { readTreasury } from './adoptTreasury.ts'

export type Examination = { what: string; ok: boolean; detail: string }

/** What a class of processor means for exact-integer models. */
const KERNELS = {
  exact: '8-bit kernels are exact',
  saturating: '8-bit kernels saturate: ops that could are run with weights as uint8',
  unknown: 'nobody has looked whether its 8-bit kernels saturate: ops that could are run with weights as uint8',
}
type Hex = `0x${string}`
const ABI = parseAbi(['function safe() view returns (address)'])

/** Examines this machine and, where asked, a chain, a treasury, a Redis. */
export async function examine({
  rpc,
  module,
  policy,
  config,
  redis,
}: {
  rpc?: string
  module?: string
  /** Files. */
  policy?: string
  config?: string
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
      const { connectRedis } = await import('#runtime/queue/bullQueue.ts')
      const client = await connectRedis(redis)
      client.disconnect()
      return 'it answers'
    })
  }
  if (rpc === undefined) return results

  const client = createPublicClient({ transport: http(rpc, { retryCount: 0, timeout: 10_000 }), cacheTime: 0 })
  const files = readFiles({ policy, config })
  let chainId: number | null = null
  await check('chain', async () => {
    const actual = await client.getChainId()
    const wanted = files.policy?.chainId ?? actual
    require_(actual === wanted, `the node is of chain ${actual}, the policy is for ${wanted}`)
    chainId = actual
    return `${actual}, block ${await client.getBlockNumber()}`
  })
  if (chainId === null) return results
  const where = (module ?? files.policy?.module)?.toLowerCase() as Hex | undefined
  try {
    const validitySeconds = files.policy?.limits.maxValiditySeconds ?? null
    results.push(...(await probeNode(rpc, { ...(where === undefined ? {} : { safe: where }), validitySeconds })))
  } catch (error) {
    results.push({ what: 'node', ok: false, detail: reasonOf(error) })
  }
  if (where === undefined) return results
  if (files.policy !== null && files.policy.module !== where)
    results.push({ what: 'module', ok: false, detail: `${where} is not the policy's, which is ${files.policy.module}` })
  let safe = files.policy?.safe
  if (safe === undefined)
    await check('module', async () => {
      safe = (await client.readContract({ address: where, abi: ABI, functionName: 'safe' })).toLowerCase()
      return `for Safe ${safe}`
    })
  if (safe === undefined) return results
  results.push(...(await examineTreasury({ client, chainId, safe, module: where, ...files })))
  return results
}

/** A configuration names its policy; a policy given beside it takes that one's place. */
function readFiles({ policy, config }: { policy?: string | undefined; config?: string | undefined }): {
  policy: Policy | null
  config: TreasuryConfig | null
} {
  if (config !== undefined) {
    const read = readTreasury(config)
    return policy === undefined ? read : { ...read, policy: readPolicy(policy) }
  }
  return { policy: policy === undefined ? null : readPolicy(policy), config: null }
}

import { dirname, resolve } from 'node:path'
import { createPublicClient, encodeDeployData, http } from 'viem'
import { loadConfig, readYaml } from '#config/loadConfig.ts'
import { type TreasuryConfig, treasuryConfig } from '#config/treasuryConfig.ts'
import { checkDeployment } from '#runtime/chain/adoption/checkDeployment.ts'
import { builderFile, type OwnersTransaction, planAdoption } from '#runtime/chain/adoption/planAdoption.ts'
import { type RehearsalStep, rehearse } from '#runtime/chain/adoption/rehearse.ts'
import { type Artifact, ownArtifact } from '#runtime/chain/artifacts.ts'
import { createSafe } from '#runtime/chain/devnet/deploySafe.ts'
import { startDevnet } from '#runtime/chain/devnet/startDevnet.ts'
import { openSigner } from '#runtime/chain/signer.ts'
import { waitForReceipt } from '#runtime/chain/waitForReceipt.ts'
import { writeDurably } from '#runtime/log/disk.ts'
import { utf8 } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { ChainIdentity } from '#verifier/evidence/records/run.ts'
import { type Policy, parsePolicy } from '#verifier/policy/policy.ts'

function read(file: string): { config: TreasuryConfig; policy: Policy } {
  const config = loadConfig(file, treasuryConfig)
  const path = resolve(dirname(file), config.policy)
  const policy = parsePolicy(readYaml(path), config.policy)
  if (2 * config.threshold <= config.verifiers.length || config.threshold > config.verifiers.length)
    throw new WarrantError(
      'BAD_CONFIG',
      `${file}: threshold: ${config.threshold} of ${config.verifiers.length}: more than half must sign, so that no two quorums are disjoint`,
    )
  return { config, policy }
}

/** Deploys module and guard. Whoever deploys gets no rights. @throws BAD_CONFIG, CHAIN_FAILED */
export async function deployTreasury(file: string, rpc: string, key: string) {
  const { config, policy } = read(file)
  const account = await openSigner(key)
  const client = createPublicClient({ transport: http(rpc), cacheTime: 0 })
  const chainId = await client.getChainId()
  if (chainId !== policy.chainId)
    throw new WarrantError('BAD_CONFIG', `${rpc} is chain ${chainId}, ${config.policy} is for ${policy.chainId}`)
  async function deploy({ abi, bytecode }: Artifact, args: unknown[]): Promise<string> {
    const data = encodeDeployData({ abi, bytecode, args })
    const { maxFeePerGas, maxPriorityFeePerGas } = await client.estimateFeesPerGas()
    const serializedTransaction = await account.signTransaction({
      type: 'eip1559',
      chainId,
      nonce: await client.getTransactionCount({ address: account.address, blockTag: 'pending' }),
      data,
      gas: ((await client.estimateGas({ account: account.address, data })) * 12n) / 10n,
      maxFeePerGas: maxFeePerGas * 2n,
      maxPriorityFeePerGas,
    })
    const receipt = await waitForReceipt(client, await client.sendRawTransaction({ serializedTransaction }))
    if (receipt.status !== 'success' || receipt.contractAddress == null)
      throw new WarrantError('CHAIN_FAILED', `the deployment ${receipt.transactionHash} reverted`)
    return receipt.contractAddress.toLowerCase()
  }
  const module = await deploy(ownArtifact('WarrantModule'), [
    policy.safe,
    [...config.verifiers].sort(),
    BigInt(config.threshold),
    `0x${'00'.repeat(32)}`,
    config.guardian,
  ])
  return { module, guard: await deploy(ownArtifact('WarrantGuard'), [policy.safe, module]) }
}

/** What the owners sign. With an RPC, after what stands there was checked. @throws BAD_CONFIG, REFUSED */
export async function planTreasury(
  file: string,
  rpc: string | null,
  out: string | null,
): Promise<{ plan: OwnersTransaction[]; file: object; checked: string[] }> {
  const { config, policy } = read(file)
  const plan = planAdoption(policy, config)
  const checked = rpc === null ? [] : await checkDeployment(rpc, policy, config)
  const builder = builderFile(policy, plan, Date.now())
  if (out !== null) writeDurably(out, utf8(`${JSON.stringify(builder, null, 2)}\n`))
  return { plan, file: builder, checked }
}

/** The whole adoption on anvil: the given one, or a mirror of the treasury on a devnet. @throws BAD_CONFIG, BAD_INPUT */
export async function rehearseTreasury(file: string, rpc: string | null): Promise<RehearsalStep[]> {
  const { config, policy } = read(file)
  if (rpc !== null) return rehearse(rpc, policy, config)
  const [market] = policy.uniswapV3
  if (market === undefined)
    throw new WarrantError('BAD_INPUT', `${config.policy}: uniswapV3: there is no pool to mirror`)
  const net = await startDevnet({
    ...{ startSeconds: Math.floor(Date.now() / 1_000), startTick: 200_000, threshold: 1 },
    ...{ verifiers: [config.guardian], executor: config.guardian, treasury: { dollars: 1n, weth: 1n } },
  })
  try {
    const safe = await createSafe(net.client, net.deployer, net.safeContracts, {
      ...{ owners: net.owners.map(owner => owner.address), threshold: 2, salt: 7n },
    })
    await net.market.mintDollars(safe, 100_000n * 10n ** 6n)
    await net.market.mintWeth(safe, 20n * 10n ** 18n)
    const mirror = mirrored(policy, { ...net.chain, safe })
    // What the devnet has no token for is left out.
    const there = new Set(mirror.tokens.map(({ symbol }) => symbol))
    const kept = <T>(by: Record<string, T>) =>
      Object.fromEntries(Object.entries(by).filter(([symbol]) => there.has(symbol))) as Record<string, T>
    return await rehearse(net.url, mirror, {
      ...config,
      caps: kept(config.caps),
      approvalLimits: kept(config.approvalLimits),
      verifierLimits: {},
    })
  } finally {
    await net.stop()
  }
}

/** The policy with the devnet's addresses and decimals in place of the first pool's, its tokens and the Safe's. */
function mirrored(policy: Policy, { chainId, safe, pool, router, tokens }: ChainIdentity): Policy {
  const [market] = policy.uniswapV3
  const { token0, token1, feePips } = pool
  const there = new Map([
    [market?.token0, tokens.find(({ address }) => address === token0)],
    [market?.token1, tokens.find(({ address }) => address === token1)],
  ])
  return {
    ...policy,
    chainId,
    safe,
    tokens: policy.tokens.flatMap(token => {
      const mirror = there.get(token.address)
      return mirror === undefined ? [] : [{ ...token, address: mirror.address, decimals: mirror.decimals }]
    }),
    uniswapV3: [{ router, pool: pool.address, token0, token1, feePips }],
  }
}

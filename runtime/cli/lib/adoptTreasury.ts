import { dirname, resolve } from 'node:path'
import { createPublicClient, encodeDeployData, formatEther, http } from 'viem'
import { loadConfig } from '#config/loadConfig.ts'
import { readPolicy } from '#config/readPolicy.ts'
import { type TreasuryConfig, treasuryConfig } from '#config/treasuryConfig.ts'
import { builderFile } from '#runtime/chain/adoption/builderFile.ts'
import { type OwnersTransaction, planAdoption } from '#runtime/chain/adoption/planAdoption.ts'
import { readStanding } from '#runtime/chain/adoption/readStanding.ts'
import { type RehearsalStep, rehearse } from '#runtime/chain/adoption/rehearse.ts'
import { readSafe } from '#runtime/chain/adoption/safeState.ts'
import { type Artifact, ownArtifact } from '#runtime/chain/artifacts.ts'
import { createSafe } from '#runtime/chain/devnet/deploySafe.ts'
import { startDevnet } from '#runtime/chain/devnet/startDevnet.ts'
import { openSigner } from '#runtime/chain/signer.ts'
import { waitForReceipt } from '#runtime/chain/waitForReceipt.ts'
import { writeDurably } from '#runtime/log/disk.ts'
import { utf8 } from '#verifier/evidence/bytes.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { ChainIdentity } from '#verifier/evidence/records/run.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { requireOwnRoles } from '#verifier/policy/roles.ts'
import { rolesOf } from '#verifier/policy/rolesOf.ts'

/** What a DAO decides, and the policy that it names. @throws FILE_MISSING, BAD_CONFIG */
export function readTreasury(file: string): { config: TreasuryConfig; policy: Policy } {
  const config = loadConfig(file, treasuryConfig)
  const path = resolve(dirname(file), config.policy)
  const policy = readPolicy(path, config.policy)
  if (2 * config.threshold <= config.verifiers.length || config.threshold > config.verifiers.length)
    throw new WarrantError(
      'BAD_CONFIG',
      `${file}: threshold: ${config.threshold} of ${config.verifiers.length}: more than half must sign, so that no two quorums are disjoint`,
    )
  requireOwnRoles([
    ...rolesOf(policy),
    ...config.verifiers.map((address, i) => ({ role: 'verifier' as const, address, where: `verifiers.${i}` })),
    { role: 'guardian', address: config.guardian, where: 'guardian' },
    ...(config.guard === null ? [] : [{ role: 'guard' as const, address: config.guard, where: 'guard' }]),
  ])
  const twice = config.verifiers.find((address, i) => config.verifiers.indexOf(address) !== i)
  if (twice !== undefined)
    throw new WarrantError('BAD_CONFIG', `${file}: verifiers: ${twice} is named twice: it would count once`)
  return { config, policy }
}

/** Deploys module and guard. Whoever deploys gets no rights. @throws BAD_CONFIG, CHAIN_FAILED */
export async function deployTreasury(file: string, rpc: string, key: string) {
  const { config, policy } = readTreasury(file)
  const account = await openSigner(key)
  const client = createPublicClient({ transport: http(rpc), cacheTime: 0 })
  const chainId = await client.getChainId()
  if (chainId !== policy.chainId)
    throw new WarrantError('BAD_CONFIG', `${rpc} is chain ${chainId}, ${config.policy} is for ${policy.chainId}`)
  await readSafe(client, policy.safe)
  async function deploy({ abi, bytecode }: Artifact, args: unknown[]): Promise<string> {
    const data = encodeDeployData({ abi, bytecode, args })
    const { maxFeePerGas, maxPriorityFeePerGas } = await client.estimateFeesPerGas()
    const estimated = await client.estimateGas({ account: account.address, data }).catch((cause: unknown) => {
      throw new WarrantError('CHAIN_FAILED', `the deployment would not succeed: ${reasonOf(cause)}`, { cause })
    })
    const gas = (estimated * 12n) / 10n
    const [balance, most] = [await client.getBalance({ address: account.address }), gas * 2n * maxFeePerGas]
    if (balance < most)
      throw new WarrantError(
        'REFUSED',
        `the deployer ${account.address} has ${formatEther(balance)} native coins, a deployment may cost ${formatEther(most)}: top it up`,
      )
    const serializedTransaction = await account.signTransaction({
      type: 'eip1559',
      chainId,
      nonce: await client.getTransactionCount({ address: account.address, blockTag: 'pending' }),
      data,
      gas,
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

/**
 * What the owners sign. With an RPC, after what stands there was checked, and only what differs from it; without, all that a
 * new module needs. Nothing to sign: no file is written. @throws BAD_CONFIG, REFUSED
 */
export async function planTreasury(
  file: string,
  rpc: string | null,
  out: string | null,
): Promise<{ plan: OwnersTransaction[]; file: object; checked: string[] }> {
  const { config, policy } = readTreasury(file)
  // What the files alone can tell comes first: a plan for a new module.
  const whole = planAdoption(policy, config)
  const client = rpc === null ? null : createPublicClient({ transport: http(rpc, { retryCount: 1 }), cacheTime: 0 })
  const standing = client === null ? null : await readStanding(client, policy, config)
  const plan = standing === null ? whole : planAdoption(policy, config, standing)
  const builder = builderFile(policy, plan, Date.now())
  if (out !== null && plan.length > 0) writeDurably(out, utf8(`${JSON.stringify(builder, null, 2)}\n`))
  return { plan, file: builder, checked: standing === null ? [] : [standing.checked] }
}

/** The whole adoption on anvil: the given one, or a mirror of the treasury on a devnet. @throws BAD_CONFIG, BAD_INPUT */
export async function rehearseTreasury(file: string, rpc: string | null): Promise<RehearsalStep[]> {
  const { config, policy } = readTreasury(file)
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
    const there = new Set(['native', ...mirror.tokens.map(({ symbol }) => symbol)])
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

import type { Hex } from 'viem'
import { treasuryConfig } from '#config/treasuryConfig.ts'
import { planAdoption } from '#runtime/chain/adoption/planAdoption.ts'
import type { Artifact } from '#runtime/chain/artifacts.ts'
import { createSafe, execAsOwners } from '#runtime/chain/devnet/deploySafe.ts'
import type { Devnet } from '#runtime/chain/devnet/startDevnet.ts'
import { demoPolicy } from '#runtime/demo/demoPolicy.ts'
import type { ChainIdentity } from '#verifier/evidence/records/run.ts'
import { type Policy, parsePolicy } from '#verifier/policy/policy.ts'
import { deployProtocols } from '../../../support/deployProtocols.ts'
import { ATTACKER, EXECUTOR, VERIFIERS } from '../arena.ts'
import { type FastChain, openFastChain } from './fastChain.ts'
import type { Limit } from './limit.ts'

const WINDOW = 3_600
const ZERO = `0x${'00'.repeat(20)}`
const CAPS = {
  USDC: { amount: '5000000000', windowSeconds: WINDOW },
  WETH: { amount: '2000000000000000000', windowSeconds: WINDOW },
  native: { amount: '2000000000000000000', windowSeconds: WINDOW },
  liquidity: { amount: '100000000000000', windowSeconds: WINDOW },
}

/** A treasury as `treasury plan` sets it up, by its policy and configuration alone: nothing else was ever set. */
export type HonestWorld = {
  net: Devnet
  chain: FastChain
  policy: Policy
  identity: ChainIdentity
  lendingPool: Hex
  payee: Hex
  /** By asset, lower case: the caps that the plan proposed. */
  caps: ReadonlyMap<string, Limit>
}

let salt = 77_000n

export async function openHonestWorld(net: Devnet, artifact: (name: string) => Artifact): Promise<HonestWorld> {
  const { client, deployer, guardian, owners, market } = net
  const { positions, router, pair, seedPair } = await deployProtocols(net)
  await seedPair(10n ** 13n, 4_870n * 10n ** 18n)
  const safe = await createSafe(client, deployer, net.safeContracts, {
    ...{ owners: owners.map(owner => owner.address), threshold: 2, salt: salt++ },
  })
  const verifiers = VERIFIERS.slice(0, 1).map(({ address }) => address.toLowerCase())
  const module = await client.deploy(deployer, artifact('WarrantModule'), [
    ...[safe, verifiers, 1n, `0x${'00'.repeat(32)}`, guardian.address],
  ])
  const guard = await client.deploy(deployer, artifact('WarrantGuard'), [safe, module])
  const lendingPool = await client.deploy(deployer, artifact('LendingPool'), [market.dollar, 10n ** 15n])
  const payee = ATTACKER.address.toLowerCase() as Hex
  const identity: ChainIdentity = { ...net.chain, safe, module, guard, positions, uniswapV2: { router, pair } }
  const demo = demoPolicy({
    ...{ chain: identity, logKey: 'log+00+00', agentKey: 'ab'.repeat(32) },
    ...{ executor: EXECUTOR.address.toLowerCase(), strategies: [], models: [], workers: [] },
  })
  const policy = parsePolicy(
    {
      ...demo,
      ...{ weth: market.weth, recipients: [payee] },
      uniswapV3: demo.uniswapV3.map(pool => ({ ...pool, positions })),
      uniswapV2: [{ router, pair, token0: market.dollar, token1: market.weth }],
      calls: [
        { to: lendingPool, function: 'supply(uint256)', recipientWord: 0 },
        { to: lendingPool, function: 'withdraw(uint256,address)', recipientWord: 2 },
        { to: lendingPool, function: 'borrow(uint256,address)', recipientWord: 2 },
        { to: lendingPool, function: 'repay(uint256)', recipientWord: 0 },
      ],
    },
    'policy.yaml',
  )
  const config = treasuryConfig.parse({
    ...{ policy: 'policy.yaml', verifiers, threshold: 1, guardian: guardian.address, guard, caps: CAPS },
  })
  for (const { to, data } of planAdoption(policy, config))
    await execAsOwners(client, owners.slice(0, 2), safe, to as Hex, data)

  await market.mintDollars(safe, 100_000n * 10n ** 6n)
  await market.mintDollars(lendingPool, 10n ** 12n)
  await market.mintWeth(safe, 20n * 10n ** 18n)
  await client.setBalance(safe, 20n * 10n ** 18n)
  const assetOf = { USDC: market.dollar, WETH: market.weth, native: ZERO, liquidity: positions }
  return {
    ...{ net, chain: await openFastChain(net), policy, identity, lendingPool, payee },
    caps: new Map(
      Object.entries(config.caps).map(([symbol, { amount, windowSeconds }]) => [
        assetOf[symbol as keyof typeof assetOf].toLowerCase(),
        { amount, window: windowSeconds },
      ]),
    ),
  }
}

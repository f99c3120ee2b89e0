import { encodeFunctionData, type Hex } from 'viem'
import { type HDAccount, mnemonicToAccount } from 'viem/accounts'
import type { ChainIdentity } from '#verifier/evidence/records/run.ts'
import { MODULE_ABI } from '../abi.ts'
import { ownArtifact } from '../artifacts.ts'
import { type DevMarket, deployMarket, FEE_PIPS } from './deployMarket.ts'
import { createSafe, deploySafeContracts, execAsOwners, SAFE_ABI, type SafeContracts } from './deploySafe.ts'
import { createDevClient, type DevClient } from './devClient.ts'
import { DEV_MNEMONIC, startAnvil } from './startAnvil.ts'

export const DEV_CHAIN_ID = 31_337
const APPROVE = '0x095ea7b3'
const EXACT_INPUT_SINGLE = '0x414bf389'

export type StartDevnetParameters = {
  startSeconds: number
  startTick: number
  verifiers: readonly string[]
  threshold: number
  executor: string
  treasury: { dollars: bigint; weth: bigint }
  /** Bytes of code that a contract may have, for builds larger than a chain allows. */
  codeSizeLimit?: number
}

export type Devnet = {
  url: string
  client: DevClient
  market: DevMarket
  chain: ChainIdentity
  owners: readonly HDAccount[]
  guardian: HDAccount
  safeContracts: SafeContracts
  deployer: HDAccount
  /** A call of the Safe, signed by two of its three owners. */
  asOwners(to: string, data: Hex): Promise<void>
  setPolicy(digest: string): Promise<void>
  stop(): Promise<void>
}

const account = (index: number) => mnemonicToAccount(DEV_MNEMONIC, { addressIndex: index })

/**
 * A whole treasury on a local chain: anvil, Uniswap v3, WETH9, a dollar, a 2-of-3 Safe 1.5 whose only path for agents is
 * WarrantModule, and WarrantGuard against every other module.
 */
export async function startDevnet({
  startSeconds,
  startTick,
  verifiers,
  threshold,
  executor,
  treasury,
  codeSizeLimit,
}: StartDevnetParameters): Promise<Devnet> {
  const anvil = await startAnvil({
    ...{ chainId: DEV_CHAIN_ID, startSeconds },
    flags: codeSizeLimit === undefined ? [] : ['--code-size-limit', String(codeSizeLimit)],
  })
  try {
    const client = createDevClient(anvil.url, DEV_CHAIN_ID)
    const [deployer, arbitrageur, guardian] = [account(0), account(1), account(2)]
    const owners = [account(3), account(4), account(5)]
    const market = await deployMarket(client, deployer, arbitrageur, startTick)
    const safeContracts = await deploySafeContracts(client, deployer)
    const safe = await createSafe(client, deployer, safeContracts, {
      owners: owners.map(o => o.address),
      threshold: 2,
      salt: 1n,
    })
    const ascending = [...verifiers].sort()
    const module = await client.deploy(deployer, ownArtifact('WarrantModule'), [
      safe,
      ascending,
      BigInt(threshold),
      `0x${'00'.repeat(32)}`,
      guardian.address,
    ])
    const guard = await client.deploy(deployer, ownArtifact('WarrantGuard'), [safe, module])
    const asOwners = (to: string, data: Hex) => execAsOwners(client, owners.slice(0, 2), safe, to as Hex, data)

    const rule = (target: Hex, selector: Hex, recipientWord: number) =>
      asOwners(
        module,
        encodeFunctionData({
          abi: MODULE_ABI,
          functionName: 'setRule',
          args: [target, selector, { allowed: true, recipientWord, amountWord: 0, maxValue: 0n }],
        }),
      )
    await rule(market.router, EXACT_INPUT_SINGLE, 4)
    for (const token of [market.dollar, market.weth]) {
      await rule(token, APPROVE, 0)
      const args = [token, market.router, 1] as const
      await asOwners(module, encodeFunctionData({ abi: MODULE_ABI, functionName: 'setSpender', args }))
    }
    await asOwners(
      module,
      encodeFunctionData({ abi: MODULE_ABI, functionName: 'setAssets', args: [[market.dollar, market.weth]] }),
    )
    for (const [asset, amount] of [
      [market.dollar, treasury.dollars],
      [market.weth, treasury.weth],
    ] as const) {
      // Never more than twice the treasury's start at once, whatever verifiers sign.
      const args = [asset, 2n * amount, 3_600] as const
      await asOwners(module, encodeFunctionData({ abi: MODULE_ABI, functionName: 'setCap', args }))
    }
    await asOwners(safe, encodeFunctionData({ abi: SAFE_ABI, functionName: 'enableModule', args: [module] }))
    await asOwners(safe, encodeFunctionData({ abi: SAFE_ABI, functionName: 'setModuleGuard', args: [guard] }))

    await market.mintDollars(safe, treasury.dollars)
    await market.mintWeth(safe, treasury.weth)
    await client.setBalance(executor as Hex, 10n ** 21n)
    return {
      url: anvil.url,
      client,
      market,
      owners,
      guardian,
      deployer,
      safeContracts,
      asOwners,
      chain: {
        chainId: DEV_CHAIN_ID,
        safe,
        module,
        guard,
        pool: { address: market.pool, token0: market.dollar, token1: market.weth, feePips: FEE_PIPS },
        router: market.router,
        tokens: [
          { symbol: 'USDC', address: market.dollar, decimals: 6 },
          { symbol: 'WETH', address: market.weth, decimals: 18 },
        ],
      },
      setPolicy: digest =>
        asOwners(module, encodeFunctionData({ abi: MODULE_ABI, functionName: 'setPolicy', args: [`0x${digest}`] })),
      stop: anvil.stop,
    }
  } catch (error) {
    await anvil.stop()
    throw error
  }
}

import { type Abi, encodeFunctionData, type Hex, parseAbi } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { ERC20_ABI } from '#runtime/chain/abi.ts'
import type { Artifact } from '#runtime/chain/artifacts.ts'
import { createChainPort } from '#runtime/chain/createChainPort.ts'
import { type SafeTerms, signAsOwners } from '#runtime/chain/devnet/deploySafe.ts'
import { type Devnet, startDevnet } from '#runtime/chain/devnet/startDevnet.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import type { Unexplained } from '#verifier/audit/completeness.ts'
import { createRecordChecker, type RecordChecker } from '#verifier/audit/recordChecker.ts'
import type { ChainPort } from '#verifier/evidence/ports/chain.ts'
import { type CreateWatchParameters, createWatch, type Watch, type Watched } from '#verifier/service/watch.ts'
import { deployProtocols } from './deployProtocols.ts'

export const THIEF = privateKeyToAccount(`0x${'7e'.repeat(32)}`)
export const STRANGER = privateKeyToAccount(`0x${'5e'.repeat(32)}`)

const POSITIONS_ABI = parseAbi([
  'function mint((address token0, address token1, uint24 fee, int24 tickLower, int24 tickUpper, uint256 amount0Desired, uint256 amount1Desired, uint256 amount0Min, uint256 amount1Min, address recipient, uint256 deadline)) payable returns (uint256, uint128, uint256, uint256)',
  'function balanceOf(address) view returns (uint256)',
  'function tokenOfOwnerByIndex(address, uint256) view returns (uint256)',
])

/** A treasury on a chain of its own, without any agent: whatever happens to it is somebody's act. */
export type WatchedTreasury = Awaited<ReturnType<typeof createWatchedTreasury>>

/** A 2-of-3 Safe with dollars, WETH, native coins, a token with an index and one that takes fees, and a position manager. */
export async function createWatchedTreasury(artifact: (name: string) => Artifact) {
  const net: Devnet = await startDevnet({
    startSeconds: 1_700_000_000,
    startTick: 200_000,
    verifiers: [STRANGER.address],
    threshold: 1,
    executor: STRANGER.address,
    treasury: { dollars: 100_000n * 10n ** 6n, weth: 10n ** 19n },
  })
  const { client, deployer, market, chain } = net
  const safe = chain.safe as Hex
  const { positions } = await deployProtocols(net)
  const deploy = (name: string) => client.deploy(deployer, artifact(name), [])
  const [bundle, staked, hostile] = [await deploy('Bundle'), await deploy('StakedToken'), await deploy('HostileToken')]
  const encode = (name: string, functionName: string, args: readonly unknown[]) =>
    encodeFunctionData({ abi: artifact(name).abi as Abi, functionName, args })
  const tell = (to: Hex, name: string, functionName: string, args: readonly unknown[]) =>
    client.send(deployer, { to, data: encode(name, functionName, args), gas: 5_000_000n })
  await tell(staked, 'StakedToken', 'submit', [safe, 10n ** 18n + 7n])
  await tell(staked, 'StakedToken', 'submit', [deployer.address, 10n ** 18n])
  await tell(hostile, 'HostileToken', 'mint', [safe, 10n ** 18n])
  await tell(hostile, 'HostileToken', 'mint', [deployer.address, 10n ** 18n])
  for (const { address } of [THIEF, STRANGER]) {
    await client.setBalance(address, 10n ** 20n)
    await market.mintDollars(address, 10n ** 12n)
    await market.mintWeth(address, 10n ** 18n)
  }
  await client.setBalance(safe, 10n ** 18n)
  const tokens = [
    ...chain.tokens.map(({ symbol, address }) => ({ symbol, address })),
    { symbol: 'STK', address: staked, shares: 'sharesOf(address)' },
    { symbol: 'EVIL', address: hostile },
  ]
  const { feePips } = chain.pool
  const pool = { router: chain.router, pool: chain.pool.address, token0: market.dollar, token1: market.weth, feePips }
  const policy = {
    safe,
    module: chain.module,
    tokens: tokens.map(token => ({ ...token, decimals: 18, usd: 'oracle' as const })),
    uniswapV3: [{ ...pool, positions }],
  }
  const erc20 = (functionName: 'transfer' | 'approve', to: Hex, amount: bigint) =>
    encodeFunctionData({ abi: ERC20_ABI, functionName, args: [to, amount] })
  const transferFrom = (from: Hex, to: Hex, amount: bigint) =>
    encodeFunctionData({
      abi: parseAbi(['function transferFrom(address, address, uint256)']),
      functionName: 'transferFrom',
      args: [from, to, amount],
    })
  /** A full-range position for somebody, paid by the stranger. */
  async function mintPosition(recipient: Hex): Promise<void> {
    const params = {
      ...{ token0: market.dollar, token1: market.weth, fee: feePips, tickLower: -887_270, tickUpper: 887_270 },
      ...{ amount0Desired: 10_000n, amount1Desired: 10n ** 13n, amount0Min: 0n, amount1Min: 0n },
      ...{ recipient, deadline: 4_000_000_000n },
    }
    const data = encodeFunctionData({ abi: POSITIONS_ABI, functionName: 'mint', args: [params] })
    await client.send(STRANGER, { to: positions, data, gas: 1_000_000n })
  }
  for (const token of [market.dollar, market.weth])
    await client.send(STRANGER, { to: token, data: erc20('approve', positions, 10n ** 30n) })

  return {
    ...{ net, client, safe, deployer, market, policy, positions, bundle, staked, hostile },
    ...{ encode, tell, erc20, transferFrom, mintPosition },
    asOwners: net.asOwners,
    lastPositionOf: async (owner: Hex) => {
      const at = { address: positions, abi: POSITIONS_ABI } as const
      const count = await client.public.readContract({ ...at, functionName: 'balanceOf', args: [owner] })
      return client.public.readContract({ ...at, functionName: 'tokenOfOwnerByIndex', args: [owner, count - 1n] })
    },
    /** Many calls as one transaction of somebody. */
    inOne: (steps: readonly { to: Hex; data: Hex }[], from = THIEF) =>
      client.send(from, { to: bundle, data: encode('Bundle', 'run', [steps]), gas: 8_000_000n }),
    /** The owners' transaction, signed but not sent. */
    signedByOwners: (to: Hex, data: Hex, terms: SafeTerms = {}) =>
      signAsOwners(client, net.owners.slice(0, 2), safe, to, data, terms),
    async snapshot() {
      const id = await rpc<string>(net.url, 'evm_snapshot', [])
      return () => rpc(net.url, 'evm_revert', [id])
    },
    mine: (blocks: number) => rpc(net.url, 'anvil_mine', [`0x${blocks.toString(16)}`]),
    stop: net.stop,
  }
}

export async function rpc<T>(url: string, method: string, params: readonly unknown[]): Promise<T> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  const { result, error } = (await response.json()) as { result: T; error?: { message: string } }
  if (error !== undefined) throw new Error(error.message)
  return result
}

/** A watch over a treasury by a node of its own, which remembers what it told. */
export async function watchOf(
  { policy }: { policy: CreateWatchParameters['policy'] },
  {
    url,
    chain = createChainPort(url),
    from = null,
    records = createRecordChecker(nodeCrypto),
    watched = policy,
  }: {
    url: string
    chain?: ChainPort
    from?: Watched | null
    records?: RecordChecker
    watched?: CreateWatchParameters['policy']
  },
): Promise<{ watch: Watch; alarms: Unexplained[]; last(): Watched | null; reasons(): string[] }> {
  const alarms: Unexplained[] = []
  let last: Watched | null = from
  const watch = createWatch({
    chain,
    policy: watched,
    records,
    from,
    onAlarm: change => void alarms.push(change),
    onWatched(at) {
      last = at
    },
  })
  if (from === null) await watch.round()
  return { watch, alarms, last: () => last, reasons: () => alarms.map(({ reason }) => reason) }
}

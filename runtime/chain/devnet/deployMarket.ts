import { type Account, encodeFunctionData, type Hex, parseAbi } from 'viem'
import { sqrtPriceAtTick } from '#strategies/sdk/maths/tick.ts'
import { ownArtifact, packageArtifact } from '../artifacts.ts'
import type { DevClient } from './devClient.ts'

const FACTORY_ABI = parseAbi([
  'function createPool(address tokenA, address tokenB, uint24 fee) returns (address)',
  'function enableFeeAmount(uint24 fee, int24 tickSpacing)',
  'function getPool(address, address, uint24) view returns (address)',
])
const SETUP_ABI = parseAbi([
  'function initialize(uint160 sqrtPriceX96)',
  'function mint(address to, uint256 amount)',
  'function deposit() payable',
  'function transfer(address to, uint256 amount) returns (bool)',
  'function seed(uint128 liquidity, int24 tickLower, int24 tickUpper)',
  'function moveTo(uint160 sqrtPriceX96)',
])

/** 0.05 %, as the pool whose data the project uses. */
export const FEE_PIPS = 500
const TICK_SPACINGS: Readonly<Record<number, number>> = { 100: 1, 500: 10, 3000: 60, 10000: 200 }
const MAX_TICK = 887_272
/** Liquidity of the devnet's pool: the order of the real pool's median, spread over the full range. */
export const POOL_LIQUIDITY = 1_000_000_000_000_000_000n

export type DevMarket = {
  dollar: Hex
  weth: Hex
  factory: Hex
  router: Hex
  pool: Hex
  /** Moves the pool to the exact price of a tick, as the arbitrageur. */
  moveTo(tick: number): Promise<void>
  mintDollars(to: Hex, amount: bigint): Promise<void>
  mintWeth(to: Hex, amount: bigint): Promise<void>
}

/** Deploys WETH9, a six-decimal dollar, Uniswap v3's published bytecode and a USDC/WETH pool with liquidity at `startTick`, of the tier `feePips` (in 1e-6). */
export async function deployMarket(
  client: DevClient,
  deployer: Account,
  arbitrageur: Account,
  startTick: number,
  feePips = FEE_PIPS,
): Promise<DevMarket> {
  const weth = await client.deploy(deployer, packageArtifact('canonical-weth/build/contracts/WETH9.json'), [])
  // The pool orders tokens by address; bars are quoted with the dollar as token0.
  let dollar = await client.deploy(deployer, ownArtifact('DevDollar'), [])
  while (dollar > weth) dollar = await client.deploy(deployer, ownArtifact('DevDollar'), [])
  const factory = await client.deploy(
    deployer,
    packageArtifact('@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json'),
    [],
  )
  const spacing = TICK_SPACINGS[feePips]
  if (spacing === undefined) throw new RangeError(`Uniswap v3 has no tier of ${feePips} pips`)
  const fullRange = Math.floor(MAX_TICK / spacing) * spacing
  // The tier that the factory did not have from the start.
  if (feePips === 100)
    await client.send(deployer, {
      to: factory,
      data: encodeFunctionData({ abi: FACTORY_ABI, functionName: 'enableFeeAmount', args: [feePips, spacing] }),
    })
  const router = await client.deploy(
    deployer,
    packageArtifact('@uniswap/v3-periphery/artifacts/contracts/SwapRouter.sol/SwapRouter.json'),
    [factory, weth],
  )
  await client.send(deployer, {
    to: factory,
    data: encodeFunctionData({ abi: FACTORY_ABI, functionName: 'createPool', args: [dollar, weth, feePips] }),
  })
  const pool = (
    await client.public.readContract({
      address: factory,
      abi: FACTORY_ABI,
      functionName: 'getPool',
      args: [dollar, weth, feePips],
    })
  ).toLowerCase() as Hex
  await client.send(deployer, {
    to: pool,
    data: encodeFunctionData({ abi: SETUP_ABI, functionName: 'initialize', args: [sqrtPriceAtTick(startTick)] }),
  })
  const maker = await client.deploy(deployer, ownArtifact('DevMarketMaker'), [arbitrageur.address, pool])

  async function mintDollars(to: Hex, amount: bigint): Promise<void> {
    await client.send(deployer, {
      to: dollar,
      data: encodeFunctionData({ abi: SETUP_ABI, functionName: 'mint', args: [to, amount] }),
    })
  }
  async function mintWeth(to: Hex, amount: bigint): Promise<void> {
    await client.send(deployer, {
      to: weth,
      data: encodeFunctionData({ abi: SETUP_ABI, functionName: 'deposit' }),
      value: amount,
    })
    await client.send(deployer, {
      to: weth,
      data: encodeFunctionData({ abi: SETUP_ABI, functionName: 'transfer', args: [to, amount] }),
    })
  }

  await mintDollars(maker, 10n ** 21n)
  await mintWeth(maker, 10n ** 25n)
  await client.send(arbitrageur, {
    to: maker,
    data: encodeFunctionData({ abi: SETUP_ABI, functionName: 'seed', args: [POOL_LIQUIDITY, -fullRange, fullRange] }),
  })
  return {
    dollar,
    weth,
    factory,
    router,
    pool,
    mintDollars,
    mintWeth,
    moveTo: tick =>
      client.send(arbitrageur, {
        to: maker,
        data: encodeFunctionData({ abi: SETUP_ABI, functionName: 'moveTo', args: [sqrtPriceAtTick(tick)] }),
        gas: 3_000_000n,
      }),
  }
}

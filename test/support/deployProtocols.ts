import { encodeFunctionData, type Hex, parseAbi, zeroAddress } from 'viem'
import { packageArtifact } from '#runtime/chain/artifacts.ts'
import type { Devnet } from '#runtime/chain/devnet/startDevnet.ts'

const ABI = parseAbi([
  'function createPair(address tokenA, address tokenB) returns (address pair)',
  'function getPair(address tokenA, address tokenB) view returns (address pair)',
  'function transfer(address to, uint256 amount) returns (bool)',
  'function mint(address to) returns (uint256 liquidity)',
])

/** Beside the devnet's own pool: Uniswap's NonfungiblePositionManager, and a v2 pair with its router, from their packages. */
export async function deployProtocols({ client, deployer, market }: Devnet) {
  const periphery = '@uniswap/v3-periphery/artifacts/contracts/NonfungiblePositionManager.sol/'
  const positions = await client.deploy(
    deployer,
    packageArtifact(`${periphery}NonfungiblePositionManager.json`),
    // No descriptor: nobody looks at the picture of a position here.
    [market.factory, market.weth, zeroAddress],
  )
  const factory = await client.deploy(deployer, packageArtifact('@uniswap/v2-core/build/UniswapV2Factory.json'), [
    deployer.address,
  ])
  const router = await client.deploy(deployer, packageArtifact('@uniswap/v2-periphery/build/UniswapV2Router02.json'), [
    factory,
    market.weth,
  ])
  const tokens = [market.dollar, market.weth] as const
  await client.send(deployer, {
    to: factory,
    data: encodeFunctionData({ abi: ABI, functionName: 'createPair', args: tokens }),
  })
  const pair = (
    await client.public.readContract({ address: factory, abi: ABI, functionName: 'getPair', args: tokens })
  ).toLowerCase() as Hex

  /** Puts liquidity into the pair; its price is the quotient. */
  async function seedPair(dollars: bigint, weth: bigint): Promise<void> {
    await market.mintDollars(pair, dollars)
    await market.mintWeth(pair, weth)
    await client.send(deployer, {
      to: pair,
      data: encodeFunctionData({ abi: ABI, functionName: 'mint', args: [deployer.address] }),
    })
  }
  return { positions, router, pair, seedPair }
}

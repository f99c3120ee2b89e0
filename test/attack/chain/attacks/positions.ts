import { encodeFunctionData, type Hex, parseAbi, zeroAddress } from 'viem'
import type { Arena } from '../arena.ts'

/** The real position manager of Uniswap v3, on the arena's pool. */
export async function positions(arena: Arena): Promise<Hex> {
  return arena.deployPublished(
    '@uniswap/v3-periphery/artifacts/contracts/NonfungiblePositionManager.sol/NonfungiblePositionManager.json',
    [arena.net.market.factory, arena.weth, zeroAddress],
  )
}

/** A position of the Safe, made by its owners. */
export async function mintPosition(arena: Arena, manager: Hex): Promise<bigint> {
  const abi = parseAbi([
    'struct Mint { address token0; address token1; uint24 fee; int24 tickLower; int24 tickUpper; uint256 amount0Desired; uint256 amount1Desired; uint256 amount0Min; uint256 amount1Min; address recipient; uint256 deadline; }',
    'function mint(Mint params) payable returns (uint256, uint128, uint256, uint256)',
  ])
  for (const token of [arena.dollar, arena.weth])
    await arena.asOwners(token, arena.approve(token, manager, 10n ** 30n).data)
  const params = {
    ...{ token0: arena.dollar, token1: arena.weth, fee: 500, tickLower: 190_000, tickUpper: 210_000 },
    ...{ amount0Desired: 10n ** 9n, amount1Desired: 10n ** 18n, amount0Min: 0n, amount1Min: 0n },
    ...{ recipient: arena.safe, deadline: 2_000_000_000n },
  }
  await arena.asOwners(manager, encodeFunctionData({ abi, functionName: 'mint', args: [params] }))
  return 1n
}

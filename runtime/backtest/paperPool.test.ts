import { encodeFunctionData, parseAbi } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ERC20_ABI, POOL_ABI } from '#runtime/chain/abi.ts'
import { type DevMarket, deployMarket, POOL_LIQUIDITY } from '#runtime/chain/devnet/deployMarket.ts'
import { createDevClient, type DevClient } from '#runtime/chain/devnet/devClient.ts'
import { type Anvil, DEV_MNEMONIC, startAnvil } from '#runtime/chain/devnet/startAnvil.ts'
import { seededRandom } from '#runtime/market/simulate.ts'
import { createPaperPool } from './paperPool.ts'
import { PAPER_LIQUIDITY } from './paperTreasury.ts'

// The paper pool against the real UniswapV3Pool through the real SwapRouter: the same output to the unit.
const ROUTER = parseAbi([
  'function exactInputSingle((address tokenIn, address tokenOut, uint24 fee, address recipient, uint256 deadline, uint256 amountIn, uint256 amountOutMinimum, uint160 sqrtPriceLimitX96)) returns (uint256)',
])
const [deployer, arbitrageur] = [0, 1].map(i => mnemonicToAccount(DEV_MNEMONIC, { addressIndex: i })) as [
  ReturnType<typeof mnemonicToAccount>,
  ReturnType<typeof mnemonicToAccount>,
]
let anvil: Anvil
let client: DevClient
let market: DevMarket

beforeAll(async () => {
  anvil = await startAnvil({ chainId: 31_337, startSeconds: 1_700_000_000 })
  client = createDevClient(anvil.url, 31_337)
  market = await deployMarket(client, deployer, arbitrageur, 200_000)
  await market.mintDollars(deployer.address, 10n ** 18n)
  await market.mintWeth(deployer.address, 10n ** 24n)
  for (const token of [market.dollar, market.weth])
    await client.send(deployer, {
      to: token,
      data: encodeFunctionData({ abi: ERC20_ABI, functionName: 'approve', args: [market.router, 2n ** 255n] }),
    })
})
afterAll(() => anvil?.stop())

describe('the paper pool', () => {
  test('has the liquidity of the devnet pool', () => {
    expect(PAPER_LIQUIDITY).toBe(POOL_LIQUIDITY)
  })
  test('forty seeded swaps, small to enormous, at seeded prices: output and price equal the real pool’s', async () => {
    const random = seededRandom('paper pool')
    const paper = createPaperPool({ liquidity: POOL_LIQUIDITY, feePips: 500, tick: 200_000 })
    for (let i = 0; i < 40; i++) {
      if (i % 3 === 0) {
        const tick = 196_000 + Math.floor(random() * 8_000)
        await market.moveTo(tick)
        paper.moveTo(tick)
      }
      const sell = random() < 0.5 ? 'token0' : 'token1'
      // Up to 10^14 dollar units or 10^22 wei: the largest cross several words of the tick bitmap.
      const amountIn = BigInt(Math.floor(10 ** (random() * (sell === 'token0' ? 13 : 21) + 1)))
      const [tokenIn, tokenOut] = sell === 'token0' ? [market.dollar, market.weth] : [market.weth, market.dollar]
      const data = encodeFunctionData({
        abi: ROUTER,
        functionName: 'exactInputSingle',
        args: [
          {
            tokenIn,
            tokenOut,
            fee: 500,
            recipient: deployer.address,
            deadline: 2n ** 40n,
            amountIn,
            amountOutMinimum: 0n,
            sqrtPriceLimitX96: 0n,
          },
        ],
      })
      const { result } = await client.public.simulateContract({
        address: market.router,
        abi: ROUTER,
        functionName: 'exactInputSingle',
        args: [
          {
            tokenIn,
            tokenOut,
            fee: 500,
            recipient: deployer.address,
            deadline: 2n ** 40n,
            amountIn,
            amountOutMinimum: 0n,
            sqrtPriceLimitX96: 0n,
          },
        ],
        account: deployer,
      })
      await client.send(deployer, { to: market.router, data, gas: 5_000_000n })
      expect(paper.swap(sell, amountIn), `swap ${i}: ${amountIn} ${sell}`).toBe(result)
      const [sqrtPriceX96] = await client.public.readContract({
        address: market.pool,
        abi: POOL_ABI,
        functionName: 'slot0',
      })
      expect(paper.sqrtPriceX96).toBe(sqrtPriceX96)
    }
  })
})

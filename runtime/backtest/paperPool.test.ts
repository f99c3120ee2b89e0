import { encodeFunctionData, parseAbi } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ERC20_ABI, POOL_ABI } from '#runtime/chain/abi.ts'
import { deployMarket, POOL_LIQUIDITY } from '#runtime/chain/devnet/deployMarket.ts'
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

beforeAll(async () => {
  anvil = await startAnvil({ chainId: 31_337, startSeconds: 1_700_000_000 })
  client = createDevClient(anvil.url, 31_337)
})
afterAll(() => anvil?.stop())

/** A pool of a tier, and a trader with all that it takes. */
async function openMarket(feePips: number) {
  const market = await deployMarket(client, deployer, arbitrageur, 200_000, feePips)
  await market.mintDollars(deployer.address, 10n ** 18n)
  await market.mintWeth(deployer.address, 10n ** 24n)
  for (const token of [market.dollar, market.weth])
    await client.send(deployer, {
      to: token,
      data: encodeFunctionData({ abi: ERC20_ABI, functionName: 'approve', args: [market.router, 2n ** 255n] }),
    })
  async function swap(sell: 'token0' | 'token1', amountIn: bigint): Promise<bigint> {
    const [tokenIn, tokenOut] = sell === 'token0' ? [market.dollar, market.weth] : [market.weth, market.dollar]
    const call = {
      abi: ROUTER,
      functionName: 'exactInputSingle' as const,
      args: [
        {
          tokenIn,
          tokenOut,
          fee: feePips,
          recipient: deployer.address,
          deadline: 2n ** 40n,
          amountIn,
          amountOutMinimum: 0n,
          sqrtPriceLimitX96: 0n,
        },
      ] as const,
    }
    const { result } = await client.public.simulateContract({
      ...call,
      address: market.router,
      account: deployer,
    })
    await client.send(deployer, { to: market.router, data: encodeFunctionData(call), gas: 5_000_000n })
    return result
  }
  async function price(): Promise<bigint> {
    const [sqrtPriceX96] = await client.public.readContract({
      address: market.pool,
      abi: POOL_ABI,
      functionName: 'slot0',
    })
    return sqrtPriceX96
  }
  return { market, swap, price }
}

describe('the paper pool', () => {
  test('has the liquidity of the devnet pool', () => {
    expect(PAPER_LIQUIDITY).toBe(POOL_LIQUIDITY)
  })

  test.each([100, 500, 3_000, 10_000])(
    'at %d pips, seeded swaps, small to enormous, one after the other and at new prices, give what the real pool gives',
    async feePips => {
      const { market, swap, price } = await openMarket(feePips)
      const random = seededRandom(`paper pool ${feePips}`)
      const paper = createPaperPool({ liquidity: POOL_LIQUIDITY, feePips, tick: 200_000 })
      for (let i = 0; i < 30; i++) {
        if (i % 4 === 0) {
          // Every other time to the edge of a word of the tick bitmap, where a move down has crossed it.
          const word = 256 * ({ 100: 1, 500: 10, 3000: 60, 10000: 200 }[feePips] as number)
          const anywhere = 196_000 + Math.floor(random() * 8_000)
          const tick = i % 8 === 0 ? Math.round(anywhere / word) * word : anywhere
          await market.moveTo(tick)
          paper.moveTo(tick)
        }
        const sell = random() < 0.5 ? 'token0' : 'token1'
        // Up to 10^14 dollar units or 10^22 wei: the largest cross several words of the tick bitmap.
        const amountIn = BigInt(Math.floor(10 ** (random() * (sell === 'token0' ? 13 : 21) + 1)))
        const real = await swap(sell, amountIn)
        expect(paper.swap(sell, amountIn), `swap ${i}: ${amountIn} ${sell}`).toBe(real)
        expect(paper.sqrtPriceX96, `price after swap ${i}`).toBe(await price())
      }
    },
  )

  test('a fee that no pool has is refused, and what a pool cannot take', () => {
    expect(() => createPaperPool({ liquidity: 1n, feePips: 2_500, tick: 0 })).toThrow('tiers of 1, 5, 30 and 100')
    const pool = createPaperPool({ liquidity: 1_000n, feePips: 500, tick: 0 })
    expect(() => pool.quote('token0', 10n ** 40n)).toThrow('the pool cannot take')
  })
})

import { encodeFunctionData, type Hex, parseAbi } from 'viem'
import { WarrantError } from '#verifier/evidence/error.ts'
import { tokenAddress } from '../tokenAddress.ts'
import type { BuildAdapter } from './adapter.ts'
import { encodeApprove } from './erc20.ts'

const ABI = parseAbi([
  'function swapExactTokensForTokens(uint256 amountIn, uint256 amountOutMin, address[] path, address to, uint256 deadline) returns (uint256[] amounts)',
])

/** Swaps in the treasury's v2 pair. The pair keeps 0.3 % of the input and rounds the output down. */
export const uniswapV2: BuildAdapter = {
  swapV2: {
    encode({ sell, buy, amountIn, minBuy }, chain, deadline) {
      if (chain.uniswapV2 === undefined) throw new WarrantError('BAD_INPUT', 'the treasury has no v2 pair')
      const { router } = chain.uniswapV2
      const [sold, bought] = [tokenAddress(chain, sell) as Hex, tokenAddress(chain, buy) as Hex]
      const args = [BigInt(amountIn), BigInt(minBuy), [sold, bought], chain.safe as Hex, BigInt(deadline)] as const
      const data = encodeFunctionData({ abi: ABI, functionName: 'swapExactTokensForTokens', args })
      return [encodeApprove(sold, router, BigInt(amountIn)), { to: router, value: '0', data }]
    },
    changes: ({ sell, buy, amountIn, minBuy }) => [
      [sell, -BigInt(amountIn)],
      [buy, BigInt(minBuy)],
    ],
  },
}

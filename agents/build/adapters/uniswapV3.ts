import { encodeFunctionData, parseAbi } from 'viem'
import type { Intent } from '#verifier/evidence/records/decision.ts'
import type { Call } from '#verifier/evidence/records/proposal.ts'
import type { ChainIdentity } from '#verifier/evidence/records/run.ts'
import { tokenAddress } from '../tokenAddress.ts'
import type { BuildAdapter } from './adapter.ts'
import { encodeApprove } from './erc20.ts'

const ROUTER_ABI = parseAbi([
  'struct ExactInputSingleParams { address tokenIn; address tokenOut; uint24 fee; address recipient; uint256 deadline; uint256 amountIn; uint256 amountOutMinimum; uint160 sqrtPriceLimitX96; }',
  'function exactInputSingle(ExactInputSingleParams params) payable returns (uint256 amountOut)',
])

type Hex = `0x${string}`

/**
 * A swap through SwapRouter: approve exactly what it takes, then take it, so that no approval is left. Uniswap rounds
 * the input up and the output down, both against the treasury; `minBuy` is compared after the pool's fee (1e-6 units).
 */
export function encodeSwap(intent: Extract<Intent, { type: 'swap' }>, chain: ChainIdentity, deadline: number): Call[] {
  const tokenIn = tokenAddress(chain, intent.sell)
  const data = encodeFunctionData({
    abi: ROUTER_ABI,
    functionName: 'exactInputSingle',
    args: [
      {
        tokenIn: tokenIn as Hex,
        tokenOut: tokenAddress(chain, intent.buy) as Hex,
        fee: chain.pool.feePips,
        recipient: chain.safe as Hex,
        deadline: BigInt(deadline),
        amountIn: BigInt(intent.amountIn),
        amountOutMinimum: BigInt(intent.minBuy),
        sqrtPriceLimitX96: 0n,
      },
    ],
  })
  return [encodeApprove(tokenIn, chain.router, BigInt(intent.amountIn)), { to: chain.router, value: '0', data }]
}

/** Swaps in the run's pool. */
export const uniswapV3: BuildAdapter = {
  swap: {
    encode: encodeSwap,
    changes: ({ sell, buy, amountIn, minBuy }) => [
      [sell, -BigInt(amountIn)],
      [buy, BigInt(minBuy)],
    ],
  },
}

import { encodeFunctionData, type Hex, parseAbi } from 'viem'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { Intent } from '#verifier/evidence/records/decision.ts'
import type { Call } from '#verifier/evidence/records/proposal.ts'
import type { ChainIdentity } from '#verifier/evidence/records/run.ts'
import { tokenAddress } from '../tokenAddress.ts'
import type { BuildAdapter } from './adapter.ts'
import { encodeApprove } from './erc20.ts'

const ABI = parseAbi([
  'struct MintParams { address token0; address token1; uint24 fee; int24 tickLower; int24 tickUpper; uint256 amount0Desired; uint256 amount1Desired; uint256 amount0Min; uint256 amount1Min; address recipient; uint256 deadline; }',
  'struct DecreaseLiquidityParams { uint256 tokenId; uint128 liquidity; uint256 amount0Min; uint256 amount1Min; uint256 deadline; }',
  'struct CollectParams { uint256 tokenId; address recipient; uint128 amount0Max; uint128 amount1Max; }',
  'function mint(MintParams params) payable returns (uint256 tokenId, uint128 liquidity, uint256 amount0, uint256 amount1)',
  'function decreaseLiquidity(DecreaseLiquidityParams params) payable returns (uint256 amount0, uint256 amount1)',
  'function collect(CollectParams params) payable returns (uint256 amount0, uint256 amount1)',
])
const MAX_UINT128 = (1n << 128n) - 1n

type Of<T extends Intent['type']> = Extract<Intent, { type: T }>

/**
 * A new position: the pool takes what fits its price, rounded up against the treasury, so what was approved and not taken
 * is taken back after it.
 */
function encodeAdd(intent: Of<'addLiquidity'>, chain: ChainIdentity, deadline: number): Call[] {
  const manager = managerOf(chain)
  const [token0, token1] = [tokenAddress(chain, intent.token0), tokenAddress(chain, intent.token1)]
  const [amount0, amount1] = [BigInt(intent.amount0), BigInt(intent.amount1)]
  const params = {
    ...{ token0: token0 as Hex, token1: token1 as Hex, fee: chain.pool.feePips },
    ...{ tickLower: intent.tickLower, tickUpper: intent.tickUpper },
    ...{ amount0Desired: amount0, amount1Desired: amount1 },
    ...{ amount0Min: BigInt(intent.min0), amount1Min: BigInt(intent.min1) },
    ...{ recipient: chain.safe as Hex, deadline: BigInt(deadline) },
  }
  const data = encodeFunctionData({ abi: ABI, functionName: 'mint', args: [params] })
  return [
    encodeApprove(token0, manager, amount0),
    encodeApprove(token1, manager, amount1),
    { to: manager, value: '0', data },
    encodeApprove(token0, manager, 0n),
    encodeApprove(token1, manager, 0n),
  ]
}

/** The pool credits what the liquidity held, rounded down; collecting pays it out together with the fees. */
function encodeRemove(intent: Of<'removeLiquidity'>, chain: ChainIdentity, deadline: number): Call[] {
  const params = {
    ...{ tokenId: BigInt(intent.position), liquidity: BigInt(intent.liquidity) },
    ...{ amount0Min: BigInt(intent.min0), amount1Min: BigInt(intent.min1), deadline: BigInt(deadline) },
  }
  const data = encodeFunctionData({ abi: ABI, functionName: 'decreaseLiquidity', args: [params] })
  return [{ to: managerOf(chain), value: '0', data }, encodeCollect(intent.position, chain)]
}

function encodeCollect(position: string, chain: ChainIdentity): Call {
  const params = {
    ...{ tokenId: BigInt(position), recipient: chain.safe as Hex },
    ...{ amount0Max: MAX_UINT128, amount1Max: MAX_UINT128 },
  }
  return {
    to: managerOf(chain),
    value: '0',
    data: encodeFunctionData({ abi: ABI, functionName: 'collect', args: [params] }),
  }
}

function managerOf({ positions }: ChainIdentity): string {
  if (positions === undefined) throw new WarrantError('BAD_INPUT', 'the treasury has no position manager')
  return positions
}

/** Liquidity in the run's pool. */
export const uniswapV3Liquidity: BuildAdapter = {
  addLiquidity: {
    encode: encodeAdd,
    changes: ({ token0, token1, amount0, amount1 }) => [
      [token0, -BigInt(amount0)],
      [token1, -BigInt(amount1)],
    ],
  },
  removeLiquidity: {
    encode: encodeRemove,
    changes: ({ token0, token1, min0, min1 }) => [
      [token0, BigInt(min0)],
      [token1, BigInt(min1)],
    ],
  },
  collectFees: {
    encode: ({ position }, chain) => [encodeCollect(position, chain)],
    changes: ({ token0, token1 }) => [
      [token0, 0n],
      [token1, 0n],
    ],
  },
}

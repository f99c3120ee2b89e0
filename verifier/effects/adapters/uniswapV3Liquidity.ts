import type { Intent } from '#verifier/evidence/records/decision.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { amountsOf, liquidityFor } from '../liquidity.ts'
import { liquidityMarket, readPosition } from '../positions.ts'
import type { Reading } from '../reading.ts'
import {
  type Adapter,
  approvalDifference,
  type DecodedCall,
  firstDifference,
  type Setting,
  type Terms,
  tokenOf,
} from './adapter.ts'
import { wordsOf } from './words.ts'

type Of<T extends Intent['type']> = Extract<Intent, { type: T }>

/** Most that a collection can ask for: all that is owed. */
const ALL = (1n << 128n) - 1n

/**
 * Uniswap v3 liquidity through the NonfungiblePositionManager. A new position is approve, approve, mint, then both
 * approvals back to zero, because the pool takes what fits its price; liquidity is taken out by decreaseLiquidity and
 * collect. The position itself always belongs to the Safe.
 */
export const uniswapV3Liquidity: Adapter = {
  calls: {
    // mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))
    '0x88316456': ({ to, data }) => {
      const words = wordsOf(data, 11)
      if (words === null) return null
      const [token0, token1, recipient] = [words.address(0), words.address(1), words.address(9)]
      const [fee, tickLower, tickUpper] = [words.uint(2, 24), words.int(3, 24), words.int(4, 24)]
      const [amount0, amount1, min0, min1] = [words.uint(5), words.uint(6), words.uint(7), words.uint(8)]
      const deadline = words.uint(10)
      if (token0 === null || token1 === null || recipient === null || deadline === null) return null
      if (fee === null || tickLower === null || tickUpper === null) return null
      if (amount0 === null || amount1 === null || min0 === null || min1 === null) return null
      return {
        ...{ name: 'mint', to, value: 0n, pays: null, trade: null },
        args: { token0, token1, fee, tickLower, tickUpper, amount0, amount1, min0, min1, recipient, deadline },
        outflows: [
          { token: token0, amount: amount0 },
          { token: token1, amount: amount1 },
        ],
        words: show =>
          `provide at most ${show.amount(token0, amount0)} and ${show.amount(token1, amount1)} between ticks ${tickLower} and ${tickUpper}, of them at least ${show.amount(token0, min0)} and ${show.amount(token1, min1)}, the position for ${show.address(recipient)}`,
      }
    },
    // decreaseLiquidity((uint256,uint128,uint256,uint256,uint256))
    '0x0c49ccbe': ({ to, data }, policy) => {
      const words = wordsOf(data, 5)
      const [position, liquidity] = [words?.uint(0), words?.uint(1, 128)]
      const [min0, min1, deadline] = [words?.uint(2), words?.uint(3), words?.uint(4)]
      if (position == null || liquidity == null || min0 == null || min1 == null || deadline == null) return null
      const market = policy === null ? null : marketAt(policy, to)
      return {
        ...{ name: 'decreaseLiquidity', to, value: 0n, pays: null, trade: null },
        args: { position, liquidity, min0, min1, deadline },
        // What it gives up is worth about what it must bring.
        outflows:
          market === null
            ? []
            : [
                { token: market.token0, amount: min0 },
                { token: market.token1, amount: min1 },
              ],
        words: show =>
          `take liquidity ${liquidity} out of position ${position}, for at least ${market === null ? `${min0} and ${min1} base units` : `${show.amount(market.token0, min0)} and ${show.amount(market.token1, min1)}`}`,
      }
    },
    // collect((uint256,address,uint128,uint128))
    '0xfc6f7865': ({ to, data }) => {
      const words = wordsOf(data, 4)
      const [position, recipient] = [words?.uint(0), words?.address(1)]
      const [most0, most1] = [words?.uint(2, 128), words?.uint(3, 128)]
      if (position == null || recipient == null || most0 == null || most1 == null) return null
      return {
        ...{ name: 'collect', to, value: 0n, outflows: [], pays: null, trade: null },
        args: { position, recipient, most0, most1 },
        words: show => `collect what position ${position} is owed, paid to ${show.address(recipient)}`,
      }
    },
  },
  *terms(call, at) {
    if (call.name === 'mint') return mintTerms(call, at)
    return call.name === 'decreaseLiquidity' ? yield* decreaseTerms(call, at) : null
  },
  intents: {
    addLiquidity: {
      expect(intent, next, setting) {
        const market = marketOf(setting.policy, intent)
        if (typeof market === 'string') return market
        const approvals = [next(), next()]
        const mint = next()
        const taken = [next(), next()]
        if (mint?.name !== 'mint') return `expected mint as third call, got ${mint?.name ?? 'nothing'}`
        const tokens = [market.token0, market.token1]
        const amounts = [BigInt(intent.amount0), BigInt(intent.amount1)]
        for (const [i, token] of tokens.entries())
          for (const [call, amount] of [[approvals[i], amounts[i]] as const, [taken[i], 0n] as const]) {
            const difference = approvalDifference(call, token, market.positions, amount ?? 0n)
            if (difference !== null) return difference
          }
        return firstDifference('a new position', [
          ['the position manager', mint.to, market.positions],
          ['token0', mint.args.token0, market.token0],
          ['token1', mint.args.token1, market.token1],
          ['fee', mint.args.fee, BigInt(market.feePips)],
          ['tickLower', mint.args.tickLower, BigInt(intent.tickLower)],
          ['tickUpper', mint.args.tickUpper, BigInt(intent.tickUpper)],
          ['amount0Desired', mint.args.amount0, amounts[0]],
          ['amount1Desired', mint.args.amount1, amounts[1]],
          ['amount0Min', mint.args.min0, BigInt(intent.min0)],
          ['amount1Min', mint.args.min1, BigInt(intent.min1)],
          ['recipient', mint.args.recipient, setting.policy.safe],
          ['deadline', mint.args.deadline, BigInt(setting.validUntil)],
        ])
      },
      changes: ({ token0, token1, amount0, amount1 }) => [
        [token0, -BigInt(amount0)],
        [token1, -BigInt(amount1)],
      ],
    },
    removeLiquidity: {
      expect(intent, next, setting) {
        const market = marketOf(setting.policy, intent)
        if (typeof market === 'string') return market
        const decrease = next()
        if (decrease?.name !== 'decreaseLiquidity')
          return `expected decreaseLiquidity, got ${decrease?.name ?? 'nothing'}`
        return (
          firstDifference('liquidity out', [
            ['the position manager', decrease.to, market.positions],
            ['the position', decrease.args.position, BigInt(intent.position)],
            ['the liquidity', decrease.args.liquidity, BigInt(intent.liquidity)],
            ['amount0Min', decrease.args.min0, BigInt(intent.min0)],
            ['amount1Min', decrease.args.min1, BigInt(intent.min1)],
            ['deadline', decrease.args.deadline, BigInt(setting.validUntil)],
          ]) ?? isCollect(next(), intent.position, market.positions, setting)
        )
      },
      changes: ({ token0, token1, min0, min1 }) => [
        [token0, BigInt(min0)],
        [token1, BigInt(min1)],
      ],
    },
    collectFees: {
      expect(intent, next, setting) {
        const market = marketOf(setting.policy, intent)
        if (typeof market === 'string') return market
        return isCollect(next(), intent.position, market.positions, setting)
      },
      changes: ({ token0, token1 }) => [
        [token0, 0n],
        [token1, 0n],
      ],
    },
  },
}

type Market = NonNullable<ReturnType<typeof liquidityMarket>>

/** The market whose positions a manager keeps. */
function marketAt(policy: Policy, manager: string): Market | null {
  const market = liquidityMarket(policy)
  return market?.positions === manager ? market : null
}

function marketOf(
  policy: Policy,
  { token0, token1 }: Of<'addLiquidity'> | Of<'removeLiquidity'> | Of<'collectFees'>,
): Market | string {
  const market = liquidityMarket(policy)
  const isIt = market !== null && market.token0 === tokenOf(policy, token0) && market.token1 === tokenOf(policy, token1)
  return isIt ? market : `the policy allows no liquidity of ${token0} and ${token1} (nor of more than one pool)`
}

function isCollect(call: DecodedCall | undefined, position: string, manager: string, setting: Setting): string | null {
  if (call?.name !== 'collect') return `expected collect, got ${call?.name ?? 'nothing'}`
  return firstDifference('a collection', [
    ['the position manager', call.to, manager],
    ['the position', call.args.position, BigInt(position)],
    ['the recipient', call.args.recipient, setting.policy.safe],
    ['the most of token0', call.args.most0, ALL],
    ['the most of token1', call.args.most1, ALL],
  ])
}

/** Whether each minimum is within the policy's slippage of a fair amount. */
function within(what: string, policy: Policy, min: readonly bigint[], fair: readonly bigint[]): string | null {
  for (const [i, amount] of fair.entries()) {
    const least = (amount * BigInt(10_000 - policy.limits.maxSlippageBps)) / 10_000n
    if ((min[i] ?? 0n) < least)
      return `${what} at least ${min[i]} of token${i}; by the oracle it is ${amount}, and the policy allows ${policy.limits.maxSlippageBps} bps less`
  }
  return null
}

/** A pool at another price than the oracle's takes the two tokens in another proportion: the minima forbid that. */
function mintTerms({ args }: DecodedCall, { policy, oracleTick }: Terms): string | null {
  const [low, high] = [Number(args.tickLower), Number(args.tickUpper)]
  if (low >= high) return `the range from tick ${low} to ${high} is empty`
  const amounts = [BigInt(args.amount0 ?? 0), BigInt(args.amount1 ?? 0)] as const
  const fair = amountsOf(liquidityFor(amounts, low, high, oracleTick), low, high, oracleTick)
  return within('the position takes', policy, [BigInt(args.min0 ?? 0), BigInt(args.min1 ?? 0)], fair)
}

function* decreaseTerms({ to, args }: DecodedCall, { policy, oracleTick }: Terms): Reading<string | null> {
  const market = marketAt(policy, to)
  if (market === null) return `${to} manages no pool that the policy allows liquidity of`
  const position = yield* readPosition(to, BigInt(args.position ?? 0))
  if (position === null) return `there is no position ${args.position}`
  const isIn =
    position.token0 === market.token0 && position.token1 === market.token1 && position.fee === BigInt(market.feePips)
  if (!isIn) return `position ${args.position} is not in the policy's pool ${market.pool}`
  const fair = amountsOf(BigInt(args.liquidity ?? 0), position.tickLower, position.tickUpper, oracleTick)
  return within('the liquidity brings', policy, [BigInt(args.min0 ?? 0), BigInt(args.min1 ?? 0)], fair)
}

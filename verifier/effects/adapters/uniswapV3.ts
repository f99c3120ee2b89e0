import { type Adapter, firstDifference, tokenOf } from './adapter.ts'
import { wordsOf } from './words.ts'

/** Uniswap v3: a swap is approve(router, amountIn), then exactInputSingle, which uses the approval up. */
export const uniswapV3: Adapter = {
  calls: {
    // exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))
    '0x414bf389': ({ to, data }) => {
      const words = wordsOf(data, 8)
      if (words === null) return null
      const [tokenIn, tokenOut, recipient] = [words.address(0), words.address(1), words.address(3)]
      const [fee, deadline, amountIn] = [words.uint(2, 24), words.uint(4), words.uint(5)]
      const [atLeast, sqrtPriceLimit] = [words.uint(6), words.uint(7, 160)]
      if (tokenIn === null || tokenOut === null || recipient === null) return null
      if (fee === null || deadline === null || amountIn === null || atLeast === null || sqrtPriceLimit === null)
        return null
      return {
        ...{ name: 'exactInputSingle', to, value: 0n, pays: null },
        args: { tokenIn, tokenOut, fee, recipient, deadline, amountIn, atLeast, sqrtPriceLimit },
        outflows: [{ token: tokenIn, amount: amountIn }],
        trade: { sold: tokenIn, amountIn, bought: tokenOut, atLeast },
        words: show =>
          `swap ${show.amount(tokenIn, amountIn)} for at least ${show.amount(tokenOut, atLeast)}, paid to ${show.address(recipient)}`,
      }
    },
  },
  intents: {
    swap: {
      expect({ sell, buy, amountIn, minBuy }, next, { policy, validUntil }) {
        const [approve, swap] = [next(), next()]
        if (approve?.name !== 'approve' || swap?.name !== 'exactInputSingle')
          return `is a swap: expected approve and exactInputSingle, got ${approve?.name ?? 'nothing'} and ${swap?.name ?? 'nothing'}`
        const atRouter = policy.uniswapV3.filter(({ router }) => router === swap.to)
        if (atRouter.length === 0) return `${swap.to} is no router of the policy`
        const [sold, bought] = [tokenOf(policy, sell), tokenOf(policy, buy)]
        // The router takes any pool of the factory: only one of the policy's is meant.
        const pools = atRouter.filter(
          ({ token0, token1 }) => (token0 === sold && token1 === bought) || (token0 === bought && token1 === sold),
        )
        const market = pools.find(({ feePips }) => BigInt(feePips) === swap.args.fee) ?? pools[0]
        if (market === undefined) return `the policy has no v3 pool of ${sell} and ${buy} at router ${swap.to}`
        return firstDifference('a swap', [
          ['approved token', approve.to, tokenOf(policy, sell)],
          ['approved spender', approve.args.spender, swap.to],
          ['approved amount', approve.args.amount, BigInt(amountIn)],
          ['recipient', swap.args.recipient, policy.safe],
          ['tokenIn', swap.args.tokenIn, tokenOf(policy, sell)],
          ['tokenOut', swap.args.tokenOut, tokenOf(policy, buy)],
          ['fee', swap.args.fee, BigInt(market.feePips)],
          ['deadline', swap.args.deadline, BigInt(validUntil)],
          ['amountIn', swap.args.amountIn, BigInt(amountIn)],
          ['amountOutMinimum', swap.args.atLeast, BigInt(minBuy)],
          ['sqrtPriceLimit', swap.args.sqrtPriceLimit, 0n],
        ])
      },
      changes: ({ sell, buy, amountIn, minBuy }) => [
        [sell, -BigInt(amountIn)],
        [buy, BigInt(minBuy)],
      ],
    },
  },
}

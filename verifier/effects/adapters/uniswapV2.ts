import { type Adapter, firstDifference, tokenOf } from './adapter.ts'
import { wordsOf } from './words.ts'

/** Uniswap v2: a swap is approve(router, amountIn), then swapExactTokensForTokens in one pair, which uses the approval up. */
export const uniswapV2: Adapter = {
  calls: {
    // swapExactTokensForTokens(uint256,uint256,address[],address,uint256), with a path of two
    '0x38ed1739': ({ to, data }) => {
      const words = wordsOf(data, 8)
      if (words === null || words.uint(2) !== 160n || words.uint(5) !== 2n) return null
      const [amountIn, atLeast, deadline] = [words.uint(0), words.uint(1), words.uint(4)]
      const [recipient, tokenIn, tokenOut] = [words.address(3), words.address(6), words.address(7)]
      if (amountIn === null || atLeast === null || deadline === null) return null
      if (recipient === null || tokenIn === null || tokenOut === null) return null
      return {
        ...{ name: 'swapExactTokensForTokens', to, value: 0n, pays: null },
        args: { tokenIn, tokenOut, recipient, deadline, amountIn, atLeast },
        outflows: [{ token: tokenIn, amount: amountIn }],
        trade: { sold: tokenIn, amountIn, bought: tokenOut, atLeast },
        words: show =>
          `swap ${show.amount(tokenIn, amountIn)} for at least ${show.amount(tokenOut, atLeast)} in a v2 pair, paid to ${show.address(recipient)}`,
      }
    },
  },
  intents: {
    swapV2: {
      expect({ sell, buy, amountIn, minBuy }, next, { policy, validUntil }) {
        const [approve, swap] = [next(), next()]
        if (approve?.name !== 'approve' || swap?.name !== 'swapExactTokensForTokens')
          return `is a v2 swap: expected approve and swapExactTokensForTokens, got ${approve?.name ?? 'nothing'} and ${swap?.name ?? 'nothing'}`
        const [sold, bought] = [tokenOf(policy, sell), tokenOf(policy, buy)]
        const isPair = (policy.uniswapV2 ?? []).some(
          ({ router, token0, token1 }) =>
            router === swap.to && ((token0 === sold && token1 === bought) || (token0 === bought && token1 === sold)),
        )
        if (!isPair) return `the policy has no v2 pair of ${sell} and ${buy} at router ${swap.to}`
        return firstDifference('a v2 swap', [
          ['approved token', approve.to, sold],
          ['approved spender', approve.args.spender, swap.to],
          ['approved amount', approve.args.amount, BigInt(amountIn)],
          ['recipient', swap.args.recipient, policy.safe],
          ['tokenIn', swap.args.tokenIn, sold],
          ['tokenOut', swap.args.tokenOut, bought],
          ['deadline', swap.args.deadline, BigInt(validUntil)],
          ['amountIn', swap.args.amountIn, BigInt(amountIn)],
          ['amountOutMin', swap.args.atLeast, BigInt(minBuy)],
        ])
      },
      changes: ({ sell, buy, amountIn, minBuy }) => [
        [sell, -BigInt(amountIn)],
        [buy, BigInt(minBuy)],
      ],
    },
  },
}

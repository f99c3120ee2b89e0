import { type Adapter, firstDifference, tokenOf } from './adapter.ts'
import { wordsOf } from './words.ts'

/** ERC-20: transfers to the policy's recipients; approvals only as a part of what uses them up. */
export const erc20: Adapter = {
  calls: {
    // approve(address,uint256)
    '0x095ea7b3': ({ to, data }) => {
      const words = wordsOf(data, 2)
      const [spender, amount] = [words?.address(0), words?.uint(1)]
      if (spender == null || amount == null) return null
      return {
        ...{ name: 'approve', to, value: 0n, args: { spender, amount }, ...NOTHING },
        words: show =>
          amount === 0n
            ? `take back what ${show.address(spender)} may take of ${show.address(to)}`
            : `let ${show.address(spender)} take ${show.amount(to, amount)}`,
      }
    },
    // transfer(address,uint256)
    '0xa9059cbb': ({ to, data }) => {
      const words = wordsOf(data, 2)
      const [recipient, amount] = [words?.address(0), words?.uint(1)]
      if (recipient == null || amount == null) return null
      return {
        ...{ name: 'transfer', to, value: 0n, args: { recipient, amount }, trade: null },
        outflows: [{ token: to, amount }],
        pays: recipient,
        words: show => `pay ${show.amount(to, amount)} to ${show.address(recipient)}`,
      }
    },
  },
  intents: {
    transfer: {
      expect({ token, to, amount }, next, { policy }) {
        const call = next()
        if (call?.name !== 'transfer') return `is a transfer, the calls have ${call?.name ?? 'nothing'}`
        return firstDifference('a transfer', [
          ['the token', call.to, tokenOf(policy, token)],
          ['the recipient', call.args.recipient, to],
          ['the amount', call.args.amount, BigInt(amount)],
        ])
      },
      changes: ({ token, amount }) => [[token, -BigInt(amount)]],
    },
  },
}

const NOTHING = { outflows: [], pays: null, trade: null }

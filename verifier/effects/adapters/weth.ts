import type { Policy } from '#verifier/policy/policy.ts'
import { type Adapter, firstDifference, NATIVE, tokenOf } from './adapter.ts'
import { wordsOf } from './words.ts'

/** The wrapped native coin that the policy names: one to one, no fee, no price. */
export const weth: Adapter = {
  calls: {
    // deposit()
    '0xd0e30db0': ({ to, value, data }) => {
      const amount = BigInt(value)
      if (data.length !== 10 || amount === 0n) return null
      return {
        ...{ name: 'deposit', to, value: amount, args: { amount }, pays: null, trade: null },
        outflows: [{ token: NATIVE, amount }],
        words: show => `wrap ${show.amountOf('native', amount)} at ${show.address(to)}`,
      }
    },
    // withdraw(uint256)
    '0x2e1a7d4d': ({ to, data }) => {
      const amount = wordsOf(data, 1)?.uint(0)
      if (amount == null) return null
      return {
        ...{ name: 'withdraw', to, value: 0n, args: { amount }, pays: null, trade: null },
        outflows: [{ token: to, amount }],
        words: show => `unwrap ${show.amount(to, amount)} at ${show.address(to)}`,
      }
    },
  },
  intents: {
    wrap: {
      expect: ({ token, amount }, next, { policy }) => one('deposit', next(), token, amount, policy),
      changes: ({ token, amount }) => [
        ['native', -BigInt(amount)],
        [token, BigInt(amount)],
      ],
    },
    unwrap: {
      expect: ({ token, amount }, next, { policy }) => one('withdraw', next(), token, amount, policy),
      changes: ({ token, amount }) => [
        [token, -BigInt(amount)],
        ['native', BigInt(amount)],
      ],
    },
  },
}

function one(
  name: string,
  call: ReturnType<Parameters<NonNullable<Adapter['intents']['wrap']>['expect']>[1]>,
  token: string,
  amount: string,
  policy: Policy,
): string | null {
  if (policy.weth === undefined) return 'the policy names no wrapped native coin'
  if (call?.name !== name) return `expected ${name}, the calls have ${call?.name ?? 'nothing'}`
  return firstDifference(name, [
    ['the token', call.to, policy.weth],
    ['the intent', tokenOf(policy, token), policy.weth],
    ['the amount', call.args.amount, BigInt(amount)],
  ])
}

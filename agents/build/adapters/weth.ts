import { encodeFunctionData, parseAbi } from 'viem'
import { tokenAddress } from '../tokenAddress.ts'
import type { BuildAdapter } from './adapter.ts'

const ABI = parseAbi(['function deposit() payable', 'function withdraw(uint256 amount)'])

/** Native coins into the token that wraps them, and back: one to one, so nothing is rounded. */
export const weth: BuildAdapter = {
  wrap: {
    encode: ({ token, amount }, chain) => [
      {
        to: tokenAddress(chain, token),
        value: amount,
        data: encodeFunctionData({ abi: ABI, functionName: 'deposit' }),
      },
    ],
    changes: ({ token, amount }) => [
      ['native', -BigInt(amount)],
      [token, BigInt(amount)],
    ],
  },
  unwrap: {
    encode: ({ token, amount }, chain) => [
      {
        to: tokenAddress(chain, token),
        value: '0',
        data: encodeFunctionData({ abi: ABI, functionName: 'withdraw', args: [BigInt(amount)] }),
      },
    ],
    changes: ({ token, amount }) => [
      [token, -BigInt(amount)],
      ['native', BigInt(amount)],
    ],
  },
}

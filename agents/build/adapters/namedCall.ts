import { type AbiFunction, encodeFunctionData, parseAbiItem } from 'viem'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { tokenAddress } from '../tokenAddress.ts'
import type { BuildAdapter } from './adapter.ts'
import { encodeApprove } from './erc20.ts'

/** A call by its function's signature, with what it may spend approved before it and taken back after it. */
export const namedCall: BuildAdapter = {
  call: {
    encode({ to, function: signature, args, spends }, chain) {
      const tokens = spends.filter(({ token }) => token !== 'native')
      const native = spends.find(({ token }) => token === 'native')
      const approve = (amountOf: (amount: string) => bigint) =>
        tokens.map(({ token, amount }) => encodeApprove(tokenAddress(chain, token), to, amountOf(amount)))
      return [
        ...approve(BigInt),
        { to, value: native?.amount ?? '0', data: encode(signature, args) },
        ...approve(() => 0n),
      ]
    },
    changes: ({ spends, gets }) => [
      ...spends.map(({ token, amount }) => [token, -BigInt(amount)] as const),
      ...gets.map(({ token, amount }) => [token, BigInt(amount)] as const),
    ],
  },
}

/** @throws BAD_INPUT for what is no signature, or arguments that do not fit it */
function encode(signature: string, args: readonly string[]): `0x${string}` {
  try {
    const item = parseAbiItem(`function ${signature}`) as AbiFunction
    const values = item.inputs.map(({ type }, i) => argument(type, args[i] ?? ''))
    return encodeFunctionData({ abi: [item], functionName: item.name, args: values })
  } catch (cause) {
    throw new WarrantError('BAD_INPUT', `${signature} with (${args.join(', ')}): ${reasonOf(cause)}`, { cause })
  }
}

function argument(type: string, text: string): unknown {
  if (/^u?int/.test(type)) return BigInt(text)
  return type === 'bool' ? text === 'true' : text
}

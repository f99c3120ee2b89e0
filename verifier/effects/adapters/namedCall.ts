import { keccak256, toBytes } from 'viem'
import type { Call } from '#verifier/evidence/records/proposal.ts'
import type { Show } from '../show.ts'
import { type Adapter, approvalDifference, type DecodedCall, firstDifference, tokenOf } from './adapter.ts'
import { type Words, wordsOf } from './words.ts'

/**
 * Calls that the policy names by target and function, of plain arguments only: nothing of it is known but who may be paid.
 * What it may take is approved to it in the same batch and taken back after it, and the bounds hold the rest.
 */
export const namedCall: Adapter = {
  calls: {},
  named(call, policy) {
    for (const allowed of policy.calls ?? []) {
      if (allowed.to !== call.to || !call.data.startsWith(selectorOf(allowed.function))) continue
      const args = argumentsOf(allowed.function, call)
      const paid = allowed.recipientWord === 0 ? null : args?.[allowed.recipientWord - 1]
      // A word that must name who is paid, and is no address, names nobody: refused.
      if (args === null || paid === undefined || (paid !== null && !/^0x[0-9a-f]{40}$/.test(paid))) return null
      if (BigInt(call.value) > BigInt(allowed.maxValue ?? '0')) return null
      return decoded(call, allowed.function, args, paid)
    }
    return null
  },
  intents: {
    call: {
      expect(intent, next, { policy }) {
        const tokens = intent.spends.filter(({ token }) => token !== 'native')
        const value = intent.spends.find(({ token }) => token === 'native')?.amount ?? '0'
        for (const { token, amount } of tokens) {
          const difference = approvalDifference(next(), tokenOf(policy, token), intent.to, BigInt(amount))
          if (difference !== null) return difference
        }
        const call = next()
        if (call?.name !== intent.function) return `expected ${intent.function}, got ${call?.name ?? 'nothing'}`
        const difference = firstDifference(intent.function, [
          ['the target', call.to, intent.to],
          ['the value', call.value, BigInt(value)],
          ['the number of arguments', Object.keys(call.args).length, intent.args.length],
          ...intent.args.map((arg, i) => [`argument ${i + 1}`, call.args[i + 1], arg] as const),
        ])
        if (difference !== null) return difference
        for (const { token } of tokens) {
          const left = approvalDifference(next(), tokenOf(policy, token), intent.to, 0n)
          if (left !== null) return left
        }
        return null
      },
      changes: ({ spends, gets }) => [
        ...spends.map(({ token, amount }) => [token, -BigInt(amount)] as const),
        ...gets.map(({ token, amount }) => [token, BigInt(amount)] as const),
      ],
    },
  },
}

function decoded({ to, value }: Call, name: string, args: readonly string[], paid: string | null): DecodedCall {
  return {
    ...{ name, to, value: BigInt(value), outflows: 'approved', trade: null, pays: paid },
    args: Object.fromEntries(args.map((arg, i) => [i + 1, arg])),
    words: show =>
      `call ${name} of ${show.address(to)} with (${args.map(arg => shownArgument(arg, show)).join(', ')})${value === '0' ? '' : ` and ${show.amountOf('native', BigInt(value))}`}`,
  }
}

const shownArgument = (arg: string, show: Show) => (/^0x[0-9a-f]{40}$/.test(arg) ? show.address(arg) : arg)

const selectorOf = (signature: string) => keccak256(toBytes(signature)).slice(0, 10)

/** Arguments as text, or null where a type is not plain or the encoding not canonical. */
function argumentsOf(signature: string, { data }: Call): string[] | null {
  const types = signature.slice(signature.indexOf('(') + 1, -1)
  const list = types === '' ? [] : types.split(',')
  const words = wordsOf(data, list.length)
  if (words === null) return null
  const args: string[] = []
  for (const [i, type] of list.entries()) {
    const text = argumentOf(type, words, i)
    if (text === null) return null
    args.push(text)
  }
  return args
}

function argumentOf(type: string, words: Words, i: number): string | null {
  const sized = /^(u?)int(\d+)$/.exec(type)
  if (sized !== null) {
    const bits = Number(sized[2])
    if (bits < 8 || bits > 256 || bits % 8 !== 0) return null
    return (sized[1] === 'u' ? words.uint(i, bits) : words.int(i, bits))?.toString() ?? null
  }
  if (type === 'address') return words.address(i)
  if (type === 'bool') return ['false', 'true'][Number(words.uint(i, 1) ?? 2n)] ?? null
  if (type === 'bytes32') return `0x${(words.uint(i) ?? 0n).toString(16).padStart(64, '0')}`
  return null
}

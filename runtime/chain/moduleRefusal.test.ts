import { encodeAbiParameters, encodeErrorResult, type Hex, parseAbi } from 'viem'
import { expect, test } from 'vitest'
import { MODULE_ABI } from './abi.ts'
import { describeRevert } from './moduleRefusal.ts'

const TOKEN = { symbol: 'USDC', address: `0x${'a3'.repeat(20)}`, decimals: 6 }
const words = (errorName: string, args: readonly unknown[]) =>
  describeRevert(encodeErrorResult({ abi: MODULE_ABI, errorName, args } as never), [TOKEN]).words

test("every error of the module's interface has words, with its arguments", () => {
  const sample: Record<string, unknown> = { address: TOKEN.address, bytes4: '0x12345678', bytes: '0x', string: 'x' }
  for (const item of MODULE_ABI) {
    if (item.type !== 'error') continue
    const args = item.inputs.map(({ type }) => sample[type] ?? (type === 'bytes32' ? `0x${'ab'.repeat(32)}` : 7n))
    const { kind, words: said } = describeRevert(
      encodeErrorResult({ abi: [item], errorName: item.name, args } as never),
      [TOKEN],
    )
    expect([item.name, kind, said.length > 5, said.includes('undefined')]).toEqual([item.name, item.name, true, false])
  }
})

test('amounts are in tokens, calls counted from 1, inner reasons read', () => {
  expect(words('CapExceeded', [TOKEN.address, 60_000_000_000n, 20_000_000_000n])).toBe(
    "60000 USDC would leave, the owners' cap has 20000 USDC left",
  )
  const STF: Hex = `0x08c379a0${encodeAbiParameters([{ type: 'string' }], ['STF']).slice(2)}`
  expect(words('CallFailed', [1n, STF])).toBe('call 2 fails: it reverts: STF')
  expect(words('CallFailed', [0n, '0x'])).toBe('call 1 fails without a reason')
  expect(words('CallFailed', [0n, '0x12345678'])).toBe('call 1 fails with 0x12345678')
})

test('what a contract says of itself cannot turn the line or hide in it', () => {
  const data = encodeErrorResult({
    abi: parseAbi(['error Error(string)']),
    args: ['ok\n\u001b[2Jpaid \u202eeno'],
  })
  expect(describeRevert(data).words).toBe('it reverts: ok\ufffd\ufffd[2Jpaid \ufffdeno')
})

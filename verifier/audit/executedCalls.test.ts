import { encodeFunctionData, type Hex, parseAbi } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { describe, expect, test } from 'vitest'
import { executeCalldata } from '#runtime/chain/executor.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { Proposal } from '#verifier/evidence/records/proposal.ts'
import type { Verdict } from '#verifier/evidence/records/verdict.ts'
import { decodeExecuted, executedDifference, submittedDifference } from './executedCalls.ts'

const at = (byte: string) => `0x${byte.repeat(20)}`
const executor = privateKeyToAccount(`0x${'11'.repeat(32)}`)
const proposal: Proposal = {
  agent: 'trader',
  decision: 'ab'.repeat(32),
  chainId: 31_337,
  safe: at('a1'),
  module: at('b2'),
  nonce: '7',
  calls: [
    { to: at('c3'), value: '0', data: '0x095ea7b3' },
    { to: at('d4'), value: '5', data: '0x414bf389ffff' },
  ],
  bounds: [{ kind: 0, target: at('c3'), id: '0', limit: '-1000' }],
  policyDigest: 'cd'.repeat(32),
  executor: executor.address.toLowerCase(),
  validUntil: 2_000_000_000,
  signature: 'ee'.repeat(64),
}
const signature = `0x${'12'.repeat(65)}`
const verdict = {
  signer: at('01'),
  proposalDigest: proposalDigest(proposal),
  refBlock: 9,
  refBlockHash: `0x${'99'.repeat(32)}`,
  validUntil: proposal.validUntil - 5,
  signature,
} as unknown as Verdict
const honest = executeCalldata(proposal, [verdict])
const raw = (data: Hex, changes: object = {}) =>
  executor.signTransaction({
    type: 'eip1559',
    chainId: 31_337,
    nonce: 0,
    to: proposal.module as Hex,
    data,
    gas: 1_000_000n,
    maxFeePerGas: 1n,
    maxPriorityFeePerGas: 1n,
    ...changes,
  })
const submitted = async (data: Hex, changes: object = {}) =>
  submittedDifference({ rawTransaction: await raw(data, changes), proposal, verdicts: [verdict], approvals: [] })
/** What the executor would send for another proposal under this one's digest. */
const forged = (changes: Partial<Proposal>, reference: object = {}) =>
  executeCalldata({ ...proposal, ...changes }, [{ ...verdict, ...reference } as Verdict])

describe('what is executed, compared with the proposal', () => {
  test('the honest transaction differs in nothing', async () => {
    expect(await submitted(honest)).toBeNull()
    const executed = decodeExecuted(honest)
    expect(executed === null ? 'unread' : executedDifference(executed, proposal, null)).toBeNull()
  })

  const [first, second] = proposal.calls as [Proposal['calls'][number], Proposal['calls'][number]]
  const [bound] = proposal.bounds as [Proposal['bounds'][number]]
  test.each<[string, Partial<Proposal>, object, RegExp]>([
    ['another target', { calls: [first, { ...second, to: at('66') }] }, {}, /^calls\.1\.to is 0x66/],
    ['another value', { calls: [first, { ...second, value: '6' }] }, {}, /^calls\.1\.value is 6, the proposal says 5/],
    ['other data', { calls: [{ ...first, data: '0x095ea7b4' }, second] }, {}, /^calls\.0\.data is 0x095ea7b4/],
    ['a call more', { calls: [first, second, second] }, {}, /^calls: 3 of them, the proposal says 2/],
    ['a call less', { calls: [first] }, {}, /^calls: 1 of them/],
    ['the other order', { calls: [second, first] }, {}, /^calls\.0\.to/],
    ['a weaker bound', { bounds: [{ ...bound, limit: '-1001' }] }, {}, /^bounds\.0\.limit is -1001/],
    ['another bounded asset', { bounds: [{ ...bound, target: at('77') }] }, {}, /^bounds\.0\.target/],
    ['another kind of bound', { bounds: [{ ...bound, kind: 1 }] }, {}, /^bounds\.0\.kind is 1/],
    ['no bound', { bounds: [] }, {}, /^bounds: 0 of them/],
    ['another nonce', { nonce: '8' }, {}, /^nonce is 8/],
    ['another Safe', { safe: at('77') }, {}, /^safe/],
    ['another executor', { executor: at('77') }, {}, /^executor/],
    ['a later deadline', {}, { validUntil: 1_999_999_996 }, /^validUntil/],
    ['another policy', { policyDigest: 'ce'.repeat(32) }, {}, /^policyDigest/],
    ['another digest', {}, { proposalDigest: 'ce'.repeat(32) }, /^proposalDigest/],
    ['another reference block', {}, { refBlock: 8 }, /^refBlock is 8/],
    ['its hash', {}, { refBlockHash: `0x${'98'.repeat(32)}` }, /^refBlockHash/],
    ['other signatures', {}, { signature: `0x${'13'.repeat(65)}` }, /^carries other signatures/],
  ])('%s under the same digest is found', async (_what, changes, reference, reason) => {
    expect(await submitted(forged(changes, reference))).toMatch(reason)
  })

  test('on chain, a deadline after the proposal’s is found, and one before it is none', () => {
    const executed = (validUntil: number) => decodeExecuted(forged({}, { validUntil }))
    const against = (validUntil: number) =>
      executedDifference(executed(validUntil) as NonNullable<ReturnType<typeof executed>>, proposal, null)
    expect([against(1_999_999_000), against(2_000_000_000)]).toEqual([null, null])
    expect(against(2_000_000_001)).toBe('validUntil is 2000000001, the proposal says 2000000000')
  })

  test.each<[string, object, RegExp]>([
    ['another contract', { to: at('66') }, /^goes to 0x66/],
    ['another chain', { chainId: 1 }, /^is for chain 1/],
    ['a value', { value: 1n }, /^carries 1 wei/],
  ])('the transaction: %s is found', async (_what, changes, reason) => {
    expect(await submitted(honest, changes)).toMatch(reason)
  })

  test('an approval that is not on record is found', async () => {
    const data = executeCalldata(proposal, [verdict], [{ signer: at('02'), signature: `0x${'14'.repeat(65)}` }])
    expect(await submitted(data)).toMatch(/^carries an approval that is not on record/)
  })

  test.each<[string, Hex]>([
    ['no data', '0x'],
    ['another function', encodeFunctionData({ abi: parseAbi(['function pause()']), functionName: 'pause' })],
    ['a byte behind the end', `${honest}00`],
    ['words that no one refers to', `${honest}${'00'.repeat(32)}`],
    ['an address with dirty bits', `${honest.slice(0, 10 + 64 * 3)}01${honest.slice(12 + 64 * 3)}` as Hex],
    ['cut short', honest.slice(0, -64) as Hex],
  ])('%s is not read', (_what, data) => {
    expect(decodeExecuted(data)).toBeNull()
  })
})

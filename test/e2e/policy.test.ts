import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { demoPolicy } from '#runtime/demo/demoPolicy.ts'
import { warrant } from '../support/warrant.ts'

const dir = mkdtempSync(join(tmpdir(), 'warrant-policy-'))
afterAll(() => rmSync(dir, { recursive: true }))

const at = (digit: string) => `0x${digit.repeat(40)}`
const [usdc, weth] = [at('1'), at('2')]
const policy = {
  ...demoPolicy({
    chain: {
      ...{ chainId: 1, safe: at('3'), module: at('4'), guard: at('5'), router: at('6') },
      pool: { address: at('7'), token0: usdc, token1: weth, feePips: 500 },
      tokens: [
        { symbol: 'USDC', address: usdc, decimals: 6 },
        { symbol: 'WETH', address: weth, decimals: 18 },
      ],
    },
    ...{ logKey: 'log+00+00', agentKey: 'ab'.repeat(32), executor: at('8') },
    ...{ strategies: [], models: [], workers: [] },
  }),
  recipients: [at('9')],
  approvals: { aboveUsd: 10_000, approvers: [at('a')], threshold: 1 },
}
// At tick 200,000 a WETH is worth 2,061.9 dollars.
const swap = (usd: number, share = 0.995) => ({
  ...{ type: 'swap', sell: 'USDC', buy: 'WETH', amountIn: String(usd * 1e6) },
  minBuy: String(BigInt(Math.round((usd / 2_061.9) * share * 1e6)) * 10n ** 12n),
})
const table = (cases: object[]) => {
  writeFileSync(join(dir, 'policy.yaml'), JSON.stringify(policy))
  const file = join(dir, 'tests.yaml')
  const balances = { USDC: '60000000000', WETH: '0' }
  writeFileSync(file, JSON.stringify({ policy: 'policy.yaml', oracleTick: 200_000, balances, cases }))
  return file
}

test('a table of what the owners mean to allow runs through the verifier itself', () => {
  const expected: [string, object, 'allow' | 'deny', string?][] = [
    ['a small swap', { intents: [swap(100)] }, 'allow'],
    ['more than a trade may move', { intents: [swap(40_001)] }, 'deny', 'the policy allows 40000 per trade'],
    ['a bad price', { intents: [swap(100, 0.9)] }, 'deny', 'bps against the oracle'],
    ['too soon', { intents: [swap(100)], before: [{ usd: 1, secondsAgo: 5 }] }, 'deny', 'the last trade was 5 s ago'],
    [
      'beyond the day',
      { intents: [swap(100)], before: [{ usd: 399_950, secondsAgo: 7_000 }] },
      'deny',
      'would exceed the rolling limit',
    ],
    [
      'what expired does not count',
      { intents: [swap(100)], before: [{ usd: 399_950, secondsAgo: 70, status: 'expired' }] },
      'allow',
    ],
    ['a large one without a person', { intents: [swap(20_000)] }, 'deny', 'need 1 approvals, 0 are there'],
    ['with one', { intents: [swap(20_000)], approvedBy: [at('a')] }, 'allow'],
    ['with a stranger', { intents: [swap(20_000)], approvedBy: [at('b')] }, 'deny', 'need 1 approvals'],
    ['rejected', { intents: [swap(20_000)], approvedBy: [at('a')], rejectedBy: [at('a')] }, 'deny', 'rejected'],
    ['after a fall', { intents: [swap(100)], highestUsd: 100_000 }, 'deny', 'the treasury has fallen by'],
    ['a payee', { intents: [{ type: 'transfer', token: 'USDC', to: at('9'), amount: '5' }] }, 'allow'],
    [
      'a stranger',
      { intents: [{ type: 'transfer', token: 'USDC', to: at('b'), amount: '5' }] },
      'deny',
      'does not list',
    ],
    ['open for too long', { intents: [swap(100)], validitySeconds: 9_000 }, 'deny', 'valid for 9000 s'],
  ]
  const cases = expected.map(([name, given, expect_, because]) => ({
    ...{ name, ...given, expect: expect_ },
    ...(because === undefined ? {} : { because }),
  }))
  const run = warrant(['policy', 'test', table(cases), '--json'])
  expect(JSON.parse(run.stdout).results.filter((result: { ok: boolean }) => !result.ok)).toEqual([])
  expect(run.status).toBe(0)
})

test('a case that comes out otherwise fails; a malformed table is refused by field', () => {
  const run = warrant(['policy', 'test', table([{ name: 'wishful', intents: [swap(90_000)], expect: 'allow' }])])
  expect([run.status, run.stdout]).toEqual([1, expect.stringContaining('FAIL  wishful: deny: moves 90000 USD')])
  const malformed = warrant(['policy', 'test', table([{ name: 'x', intents: [], expect: 'allow' }])])
  expect([malformed.status, malformed.stderr]).toEqual([2, expect.stringContaining('cases.0.intents')])
})

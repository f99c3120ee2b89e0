import { expect, test } from 'vitest'
import { demoPolicy } from '#runtime/demo/demoPolicy.ts'
import { diffPolicies } from './explainPolicy.ts'
import { type Policy, parsePolicy, policyDigest } from './policy.ts'
import { expiredFaults } from './policyFaults.ts'

const address = (n: number) => `0x${String(n).padStart(40, '0')}`
const hash = (digit: string) => digit.repeat(64)
const base: Policy = {
  ...demoPolicy({
    chain: {
      ...{ chainId: 1, safe: address(1), module: address(2), guard: null, router: address(6) },
      pool: { address: address(3), token0: address(4), token1: address(5), feePips: 500 },
      tokens: [
        { symbol: 'USDC', address: address(4), decimals: 6 },
        { symbol: 'WETH', address: address(5), decimals: 18 },
      ],
    },
    ...{ logKey: 'a.example/log+00000000+AAAA', agentKey: hash('1'), executor: address(7) },
    strategies: [{ digest: hash('2'), params: hash('3') }],
    models: [],
    workers: [{ publicKey: hash('4'), operator: 'somebody' }],
  }),
  uniswapV2: [{ router: address(9), pair: address(10), token0: address(4), token1: address(5) }],
  calls: [{ to: address(11), function: 'stake(uint256,address)', recipientWord: 2, maxValue: '5' }],
  weth: address(5),
  recipients: [address(12)],
  verifiers: [{ aboveUsd: 1_000, threshold: 2 }],
  exits: [{ intent: 'swap', sell: 'WETH', buy: 'USDC' }],
  attestations: [{ for: 'tee', platform: 'nitro', root: hash('a'), measurements: { pcr0: '11' } }],
  approvals: { aboveUsd: 5, approvers: [address(13), address(14)], threshold: 1, validitySeconds: 7_200 },
  witnesses: { aboveUsd: 3, threshold: 1, keys: ['w.example+00000000+AAAA', 'v.example+00000001+AAAA'] },
  onUnexplained: 'pause',
}
const limits = {
  ...base.limits,
  ...{ maxPriceImpactBps: 10, failureSeconds: 60, drawdownSeconds: 60, brakesFromSeconds: 60 },
  gas: { perTransactionWei: '5', perDayWei: '6' },
  tokens: { USDC: { perTrade: '1', rolling: '2' } },
}
const whole: Policy = { ...base, limits }
const refusalOf = (change: Partial<Policy>) => {
  try {
    parsePolicy({ ...whole, ...change }, 'p.yaml')
  } catch (error) {
    return (error as Error).message
  }
  return null
}
const withLimits = (change: Partial<Policy['limits']>) => ({ limits: { ...limits, ...change } })
const [pool] = whole.uniswapV3 as [Policy['uniswapV3'][number]]
const [usdc, weth] = whole.tokens as [Policy['tokens'][number], Policy['tokens'][number]]
const asked = whole.approvals

test('a policy without a fault is read', () => expect(refusalOf({})).toBeNull())

test.each<[string, Partial<Policy>, RegExp]>([
  [
    'approvals of five among three',
    { approvals: { ...asked, threshold: 5 } },
    /approvals\.threshold: is 5, and 2 people/,
  ],
  ['no approval of those who must', { approvals: { ...asked, threshold: 0 } }, /approvals\.threshold: is 0/],
  ['an approver twice', { approvals: { ...asked, approvers: [address(13), address(13)] } }, /approvers\.1: stands/],
  ['the Safe as its own approver', { approvals: { ...asked, approvers: [address(1)] } }, /approvers\.0: is the Safe/],
  ['a symbol twice', { tokens: [usdc, { ...weth, symbol: 'USDC' }] }, /tokens\.1\.symbol: is USDC a second time/],
  ['a token twice', { tokens: [usdc, weth, { ...weth, symbol: 'W' }] }, /tokens\.2\.address: stands/],
  ['a token that is called native', { tokens: [usdc, { ...weth, symbol: 'native' }] }, /tokens\.1\.symbol: native/],
  [
    'a proof kind misspelt',
    { proofs: [{ upToUsd: null, anyOf: [['frievalds']] }] },
    /proofs\.0\.anyOf\.0\.0: is frievalds/,
  ],
  [
    'a band that is never reached',
    {
      proofs: [
        { upToUsd: null, anyOf: [['signed']] },
        { upToUsd: 5, anyOf: [['replay']] },
      ],
    },
    /proofs\.1\.upToUsd: is never reached/,
  ],
  [
    'a proof by platforms, and none is named',
    { attestations: [], proofs: [{ upToUsd: null, anyOf: [['tee']] }] },
    /proofs\.0\.anyOf\.0\.0: is tee, and attestations names no platform/,
  ],
  [
    'a pool whose tokens stand the wrong way round',
    { uniswapV3: [{ ...pool, token0: pool.token1, token1: pool.token0 }] },
    /uniswapV3\.0\.token0: is above token1/,
  ],
  [
    'a pool of a token that is not listed',
    { uniswapV3: [{ ...pool, token1: address(99) }] },
    /uniswapV3\.0\.token1: is no listed/,
  ],
  ['a pool without a fee', { uniswapV3: [{ ...pool, feePips: 0 }] }, /uniswapV3\.0\.feePips/],
  ['a pool twice', { uniswapV3: [pool, pool] }, /uniswapV3\.1\.pool: stands/],
  ['wrapped coins that are not listed', { weth: address(99) }, /weth: is no listed token/],
  [
    'a call to the module',
    { calls: [{ to: address(2), function: 'f()', recipientWord: 0 }] },
    /calls\.0\.to: is the module/,
  ],
  [
    'a call to the Safe',
    { calls: [{ to: address(1), function: 'f()', recipientWord: 0 }] },
    /calls\.0\.to: is the Safe/,
  ],
  [
    'a payee beyond the arguments',
    { calls: [{ to: address(11), function: 'f(address)', recipientWord: 2 }] },
    /recipientWord: is 2/,
  ],
  ['a payee that nobody holds', { recipients: [address(0)] }, /recipients\.0: is the zero address/],
  ['a window of no length', withLimits({ rollingSeconds: 0 }), /limits\.rollingSeconds: is 0: nothing/],
  ['no trade in an hour', withLimits({ tradesPerHour: 0 }), /limits\.tradesPerHour: is 0/],
  ['a verdict that is over at once', withLimits({ maxValiditySeconds: 0 }), /limits\.maxValiditySeconds: is 0/],
  ['stopped after no failure', withLimits({ maxConsecutiveFailures: 0 }), /maxConsecutiveFailures: is 0/],
  ['one trade above all of them', withLimits({ perTradeUsd: 500_001 }), /limits\.perTradeUsd: is 500001, more than/],
  [
    'gas of one above that of a day',
    withLimits({ gas: { perTransactionWei: '7', perDayWei: '6' } }),
    /perTransactionWei/,
  ],
  ['a limit on no listed token', withLimits({ tokens: { DAI: {} } }), /limits\.tokens\.DAI: is no listed/],
  [
    'one amount above all of them',
    withLimits({ tokens: { USDC: { perTrade: '3', rolling: '2' } } }),
    /USDC\.perTrade: is more/,
  ],
  ['facts of no age', { observation: { maxAgeSeconds: 0, toleranceTicks: 0 } }, /observation\.maxAgeSeconds: is 0/],
  [
    'more value, fewer verifiers',
    {
      verifiers: [
        { aboveUsd: 1, threshold: 3 },
        { aboveUsd: 2, threshold: 2 },
      ],
    },
    /verifiers\.1\.threshold: is 2, and less value asks for 3/,
  ],
  ['a way out of what is not listed', { exits: [{ intent: 'swap', sell: 'DAI' }] }, /exits\.0\.sell: is DAI/],
  [
    'a witness without a key',
    { witnesses: { aboveUsd: 1, threshold: 1, keys: ['somebody'] } },
    /witnesses\.keys\.0: is no/,
  ],
  ['the module is the Safe', { module: address(1) }, /module: is the Safe itself/],
  [
    'an identity that is never valid',
    { identities: { ...whole.identities, executors: [{ address: address(7), fromMs: 9, untilMs: 8 }] } },
    /identities\.executors\.0\.untilMs: is before fromMs/,
  ],
])('%s is refused by its field', (_what, change, reason) => {
  expect(refusalOf(change)).toMatch(reason)
  expect(refusalOf(change)).toMatch(/^p\.yaml: /)
})

test('an executor that has expired, and no other: told by whoever has a clock', () => {
  const executors = [{ address: address(7), untilMs: 10 }]
  const old = { ...whole, identities: { ...whole.identities, executors } }
  expect(expiredFaults(old, 10)).toEqual([])
  expect(expiredFaults(old, 11)).toMatchObject([{ path: ['identities', 'executors', 0, 'untilMs'] }])
  const rotated = { ...old, identities: { ...old.identities, executors: [...executors, { address: address(8) }] } }
  expect(expiredFaults(rotated, 11)).toEqual([])
})

type Path = (string | number)[]
const leaves = (value: unknown, path: Path = []): Path[] =>
  typeof value !== 'object' || value === null
    ? [path]
    : Object.entries(value).flatMap(([key, inner]) =>
        leaves(inner, [...path, Array.isArray(value) ? Number(key) : key]),
      )

test('no field can change unseen: each change is in the difference of two policies', () => {
  const changed = (value: unknown) => {
    if (typeof value === 'number') return value + 1
    if (value === null) return 7
    if (value === 'oracle') return 'one'
    if (value === 'pause') return 'alert'
    return String(value).replace(/.$/, last => (last === '1' ? '2' : '1'))
  }
  for (const path of leaves(whole)) {
    // What it is called, and which form it has, allow nothing.
    if (path[0] === 'version' || path[0] === 'name') continue
    const other = structuredClone(whole) as unknown as Record<string | number, unknown>
    let at = other
    for (const step of path.slice(0, -1)) at = at[step] as Record<string | number, unknown>
    const last = path.at(-1) as string
    at[last] = changed(at[last])
    const fresh = other as unknown as Policy
    expect(policyDigest(fresh), path.join('.')).not.toBe(policyDigest(whole))
    expect(diffPolicies(whole, fresh).length, path.join('.')).toBeGreaterThan(0)
  }
})

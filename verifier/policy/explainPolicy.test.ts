import { expect, test } from 'vitest'
import { demoPolicy } from '#runtime/demo/demoPolicy.ts'
import { diffPolicies, explainPolicy } from './explainPolicy.ts'
import { parsePolicy } from './policy.ts'

const address = (n: number) => `0x${String(n).padStart(40, '0')}`
const policy = demoPolicy({
  chain: {
    chainId: 1,
    safe: address(1),
    module: address(2),
    guard: null,
    pool: { address: address(3), token0: address(4), token1: address(5), feePips: 500 },
    router: address(6),
    tokens: [
      { symbol: 'USDC', address: address(4), decimals: 6 },
      { symbol: 'WETH', address: address(5), decimals: 18 },
    ],
  },
  logKey: 'a.example/log+00000000+AAAA',
  agentKey: '11'.repeat(32),
  executor: address(7),
  strategies: [{ digest: '22'.repeat(32), params: '33'.repeat(32) }],
  models: [],
  workers: [{ publicKey: '44'.repeat(32), operator: 'somebody' }],
})

test('every field of a policy that can differ makes a difference that is shown', () => {
  // Each number of limits and observation, one step up.
  for (const part of ['limits', 'observation'] as const)
    for (const field of Object.keys(policy[part])) {
      const changed = {
        ...policy,
        [part]: { ...policy[part], [field]: ((policy[part] as Record<string, number>)[field] as number) + 1 },
      }
      expect(
        diffPolicies(policy, changed).map(change => change.id),
        field,
      ).toContain(`${part}.${field}`)
    }
  expect(new Set(explainPolicy(policy).map(({ id }) => id)).size).toBe(explainPolicy(policy).length)
  expect(diffPolicies(policy, policy)).toEqual([])
})

test('what lets an agent do more is wider, whichever way the number goes', () => {
  const effects = (after: typeof policy) => diffPolicies(policy, after).map(({ id, effect }) => [id, effect])
  const limits = (change: Partial<typeof policy.limits>) => ({ ...policy, limits: { ...policy.limits, ...change } })
  expect(effects(limits({ perTradeUsd: 50_000 }))).toEqual([['limits.perTradeUsd', 'wider']])
  expect(effects(limits({ perTradeUsd: 1 }))).toEqual([['limits.perTradeUsd', 'narrower']])
  expect(effects(limits({ cooldownSeconds: 0 }))).toEqual([['limits.cooldownSeconds', 'wider']])
  // A policy that says nothing of gas has a ceiling too: 0.1 native coins for one transaction, 1 in a day.
  const gas = (perTransactionWei: string, perDayWei = '1000000000000000000') => ({ perTransactionWei, perDayWei })
  expect(effects(limits({ gas: gas('200000000000000000') }))).toEqual([
    ['limits.gas.perTransactionWei', 'wider'],
    ['limits.gas.perDayWei', 'changed'],
  ])
  expect(effects(limits({ gas: gas('100000000000000000', '1') }))).toContainEqual(['limits.gas.perDayWei', 'narrower'])
  expect(effects({ ...policy, recipients: [address(9)] })).toEqual([[`recipient ${address(9)}`, 'wider']])
  expect(effects({ ...policy, uniswapV3: [] })).toEqual([[expect.stringContaining('pool'), 'narrower']])
  expect(effects({ ...policy, proofs: [{ upToUsd: null, anyOf: [['signed']] }] })).toEqual([
    ['proofs 0', 'changed'],
    ['proofs 1', 'changed'],
  ])
  const [expired] = policy.identities.workers
  const workers = [{ ...(expired as NonNullable<typeof expired>), untilMs: 1_000 }]
  expect(diffPolicies(policy, { ...policy, identities: { ...policy.identities, workers } })).toMatchObject([
    { effect: 'changed', after: expect.stringContaining('until 1970-01-01') },
  ])
})

test('an attestation must measure what runs, and whom it counts for is a difference that is shown', () => {
  const root = 'ab'.repeat(32)
  const nitro = { for: 'tee' as const, platform: 'nitro' as const, root, measurements: { pcr0: '11'.repeat(48) } }
  const tdx = { ...nitro, platform: 'tdx' as const, measurements: { mrTd: '22', rtMr1: '33', rtMr2: '44' } }
  const parsed = (item: object) =>
    parsePolicy(JSON.parse(JSON.stringify({ ...policy, attestations: [item] })), 'p.yaml')
  expect(parsed(nitro).attestations).toEqual([nitro])
  expect(parsed({ ...tdx, tcb: ['OutOfDate'] }).attestations).toHaveLength(1)
  for (const [item, reason] of [
    [{ ...nitro, measurements: {} }, 'must name pcr0'],
    [{ ...tdx, measurements: { mrTd: '22', rtMr1: '33' } }, 'must name rtMr2'],
    [{ ...nitro, measurements: { pcr0: '11', mrTd: '22' } }, 'nitro has no mrTd'],
    [{ ...nitro, tcb: ['OutOfDate'] }, 'is of Intel platforms'],
    [{ ...tdx, for: 'opengradient' }, 'runs on nitro'],
    [{ ...nitro, root: 'AWS' }, 'attestations.0.root'],
  ] as const)
    expect(() => parsed(item)).toThrow(reason)
  const before = parsed(nitro)
  expect(diffPolicies(policy, before)).toMatchObject([
    { effect: 'wider', after: expect.stringContaining('measuring pcr0') },
  ])
  const other = parsed({ ...nitro, measurements: { pcr0: '12'.repeat(48) } })
  expect(diffPolicies(before, other).map(({ effect }) => effect)).toEqual(['wider', 'narrower'])
})

type Said = { [id: string]: string }
const saidOf = (changed: typeof policy): Said =>
  Object.fromEntries(explainPolicy(changed).map(({ id, text }) => [id, text]))

test('times are said in the largest unit that they fill', () => {
  const said = (maxValiditySeconds: number) =>
    saidOf({ ...policy, limits: { ...policy.limits, maxValiditySeconds } })['limits.maxValiditySeconds']
  for (const [seconds, words] of [
    [1, '1 second'],
    [59, '59 seconds'],
    [3_599, '3,599 seconds'],
    [3_600, '1 hour'],
    [7_200, '2 hours'],
    [3_601, '3,601 seconds'],
    [86_400, '1 day'],
    [172_800, '2 days'],
    [90_000, '25 hours'],
  ] as const)
    expect(said(seconds)).toBe(`a verdict is valid for at most ${words}`)
})

test('what a policy leaves out is said as well as what it says', () => {
  const { maxPriceImpactBps: _, tokens: __, ...limits } = policy.limits
  const { onUnexplained: ___, witnesses: ____, verifiers: _____, exits: ______, weth: _______, ...bare } = policy
  const silent = saidOf({ ...bare, limits, approvals: { ...policy.approvals, aboveUsd: null } })
  expect(silent).toMatchObject({
    'limits.maxPriceImpactBps': 'how far a trade moves the price is not limited',
    approvals: 'no human approval is asked for',
    witnesses: 'no cosignature of the log is asked for',
    onUnexplained: 'a change of the treasury that nothing explains raises an alarm, and pauses nothing',
  })
  expect(silent.weth).toBeUndefined()
  const spoken = saidOf({
    ...bare,
    limits: {
      ...limits,
      maxPriceImpactBps: 50,
      gas: { perTransactionWei: '2000000000000000000', perDayWei: '3000000000000000000' },
      tokens: { USDC: { perTrade: '1500000' }, OTHER: { rolling: '7' } },
    },
    approvals: { aboveUsd: 5_000, threshold: 2, approvers: [address(21), address(22), address(23)] },
    witnesses: { aboveUsd: 7_000, threshold: 1, keys: ['a', 'b'] },
    verifiers: [{ aboveUsd: 9_000, threshold: 3 }],
    exits: [{ intent: 'swap', sell: 'WETH', buy: 'USDC' }, { intent: 'unwrap' }],
    weth: address(5),
    onUnexplained: 'pause',
    calls: [
      { to: address(11), function: 'stake(uint256,address)', recipientWord: 2 },
      { to: address(11), function: 'claim()', recipientWord: 0 },
    ],
  })
  expect(spoken).toMatchObject({
    'limits.tokens.USDC.perTrade': 'one trade sends out at most 1.5 USDC',
    'limits.tokens.OTHER.rolling': 'all together at most 7 base units of OTHER in that window',
    'limits.gas.perTransactionWei': 'one transaction costs at most 2 native coins for gas',
    'limits.gas.perDayWei': 'all together at most 3 in any 24 hours',
    approvals: 'above 5,000 USD 2 of 3 people must approve',
    witnesses: 'above 7,000 USD 1 of 2 witnesses must have cosigned the log',
    'verifiers 9000': 'above 9,000 USD 3 verifiers must have signed',
    'exit swap WETH USDC': 'pre-approved at any size and time: swap of WETH for USDC',
    'exit unwrap  ': 'pre-approved at any size and time: unwrap',
    onUnexplained: 'a change of the treasury that nothing explains pauses the module',
  })
  expect(spoken['limits.tokens.USDC.rolling']).toBeUndefined()
  expect(spoken['limits.tokens.OTHER.perTrade']).toBeUndefined()
  expect(spoken['limits.maxPriceImpactBps']).toContain('by more than 0.5 %')
  expect(silent['limits.gas.perDayWei']).toContain('the policy says nothing of gas')
  expect(
    Object.entries(spoken)
      .filter(([id]) => id.startsWith('call '))
      .map(([, text]) => text.includes('argument 2 must be the Safe')),
  ).toEqual([true, false])
  const pool = Object.values(spoken).find(text => text.startsWith('may swap'))
  expect(pool).toContain('USDC and WETH')
})

test('a measure that was not there before, or is no longer, is a change; the same one is none', () => {
  const { maxPriceImpactBps: _, ...limits } = policy.limits
  const without = { ...policy, limits }
  const withOne = { ...policy, limits: { ...limits, maxPriceImpactBps: 10 } }
  expect(diffPolicies(without, withOne)).toMatchObject([{ id: 'limits.maxPriceImpactBps', effect: 'changed' }])
  expect(diffPolicies(withOne, without)).toMatchObject([{ id: 'limits.maxPriceImpactBps', effect: 'changed' }])
  expect(diffPolicies(withOne, withOne)).toEqual([])
  const { recipients } = policy
  expect(diffPolicies({ ...policy, recipients: [...recipients, address(9)] }, policy)).toMatchObject([
    { id: `recipient ${address(9)}`, effect: 'narrower', after: null },
  ])
})

test('how long people have is said where they are asked, and longer is wider', () => {
  const asks = (validitySeconds?: number) => ({
    ...policy,
    approvals: {
      ...{ aboveUsd: 100, approvers: [address(8)], threshold: 1 },
      ...(validitySeconds === undefined ? {} : { validitySeconds }),
    },
  })
  expect(saidOf(policy)['approvals.validitySeconds']).toBeUndefined()
  expect(saidOf(asks(7_200))['approvals.validitySeconds']).toBe(
    'people have 2 hours for that: the calls stay as they were proposed, and verifiers judge them on the facts of the moment when the approval is there',
  )
  expect(saidOf(asks())['approvals.validitySeconds']).toMatch(
    /^people have 8 hours .*\(the policy says nothing of the time/,
  )
  expect(diffPolicies(asks(7_200), asks(86_400))).toMatchObject([
    { id: 'approvals.validitySeconds', effect: 'wider', after: expect.stringContaining('people have 1 day') },
  ])
  expect(diffPolicies(asks(), asks(7_200)).map(({ effect }) => effect)).toEqual(['narrower'])
})

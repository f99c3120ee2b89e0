import { describe, expect, test } from 'vitest'
import { demoPolicy } from '#runtime/demo/demoPolicy.ts'
import { approvalSecondsOf } from './approvalTime.ts'
import { gasCeilingOf } from './gasCeiling.ts'
import { type Policy, parsePolicy, policyDigest, proofSetsFor, validAt } from './policy.ts'

const address = (n: number) => `0x${String(n).padStart(40, '0')}`
const hash = (digit: string) => digit.repeat(64)
const vkey = (name: string) => `${name}.example+00000000+AAAA`
const plain = demoPolicy({
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
  agentKey: hash('1'),
  executor: address(7),
  strategies: [{ digest: hash('2'), params: hash('3') }],
  models: [],
  workers: [{ publicKey: hash('4'), operator: 'somebody' }],
})
const nitro = { for: 'tee', platform: 'nitro', root: hash('a'), measurements: { pcr0: '11' } } as const
const tdx = { ...nitro, platform: 'tdx', measurements: { mrTd: '22', rtMr1: '33', rtMr2: '44' } } as const
const sgx = { ...nitro, platform: 'sgx', measurements: { mrEnclave: '55' } } as const
const within = { fromMs: 1, untilMs: 2 }

/** A policy that says everything which one can say. */
const full = {
  ...plain,
  tokens: plain.tokens.map(token => ({ ...token, shares: 'sharesOf(address)' })),
  uniswapV3: plain.uniswapV3.map(pool => ({ ...pool, positions: address(8) })),
  uniswapV2: [{ router: address(9), pair: address(10), token0: address(4), token1: address(5) }],
  calls: [{ to: address(11), function: 'stake(uint256,address)', recipientWord: 0 }],
  weth: address(5),
  recipients: [address(12)],
  limits: {
    ...plain.limits,
    maxPriceImpactBps: 10,
    gas: { perTransactionWei: '5', perDayWei: '6' },
    tokens: { USDC: { perTrade: '1', rolling: '2' } },
  },
  verifiers: [{ aboveUsd: 1_000, threshold: 2 }],
  exits: [{ intent: 'swap', sell: 'WETH', buy: 'USDC' }],
  attestations: [{ ...nitro, ...within }, { ...tdx, tcb: ['OutOfDate'] }, sgx],
  approvals: { aboveUsd: 5, approvers: [address(13)], threshold: 1, validitySeconds: 7_200 },
  witnesses: { aboveUsd: 3, threshold: 1, keys: ['w.example+00000000+AAAA'] },
  onUnexplained: 'pause',
  identities: {
    log: [{ vkey: 'a.example/log+00000000+AAAA', ...within }],
    agents: [{ publicKey: hash('1'), ...within }],
    strategies: [{ digest: hash('2'), params: hash('3'), ...within }],
    models: [{ digest: hash('5'), numeric: 'int-exact-v1', ...within }],
    workers: [{ publicKey: hash('4'), operator: 'somebody', ...within }],
    executors: [{ address: address(7), ...within }],
  },
}

type Path = readonly (string | number)[]
/** A copy of a policy with one field set, or taken out. */
function withField(source: unknown, path: Path, value: unknown): unknown {
  const copy = structuredClone(source) as Record<string | number, unknown>
  let at = copy
  for (const step of path.slice(0, -1)) at = at[step] as Record<string | number, unknown>
  const last = path.at(-1) as string
  if (value === undefined) delete at[last]
  else at[last] = value
  return copy
}
const pathOf = (text: string): Path => text.split('.').map(step => (/^\d+$/.test(step) ? Number(step) : step))
const parse = (value: unknown) => parsePolicy(value, 'p.yaml')
const objectsIn = (value: unknown, path: Path = []): Path[] =>
  typeof value !== 'object' || value === null
    ? []
    : [
        ...(Array.isArray(value) ? [] : [path]),
        ...Object.entries(value).flatMap(([key, inner]) =>
          objectsIn(inner, [...path, Array.isArray(value) ? Number(key) : key]),
        ),
      ]

/** Objects whose keys are names of somebody's choice. */
const OPEN = /measurements$|^limits\.tokens$/

describe('a policy file', () => {
  test('says everything that it may, and is read as it stands', () => {
    expect(parse(full)).toEqual(full)
    expect(parse(plain)).toEqual(plain)
  })

  test('with a field that nobody knows is refused, wherever it stands', () => {
    const places = objectsIn(full).filter(path => !OPEN.test(path.join('.')))
    expect(places.length).toBeGreaterThan(20)
    for (const path of places) {
      const name = [...path, 'unheardOf'].join('.')
      expect(() => parse(withField(full, [...path, 'unheardOf'], 1)), name).toThrow(/BAD_CONFIG|unheardOf/)
    }
  })

  test.each([
    'tokens.0.shares',
    'uniswapV3.0.positions',
    'uniswapV2',
    'calls',
    'weth',
    'limits.maxPriceImpactBps',
    'limits.gas',
    'limits.tokens',
    'limits.tokens.USDC.perTrade',
    'limits.tokens.USDC.rolling',
    'verifiers',
    'exits',
    'exits.0.sell',
    'exits.0.buy',
    'attestations',
    'attestations.0.fromMs',
    'attestations.0.untilMs',
    'attestations.1.tcb',
    'approvals.validitySeconds',
    'witnesses',
    'onUnexplained',
    'identities.agents.0.fromMs',
    'identities.agents.0.untilMs',
  ])('may leave out %s', field => {
    expect(parse(withField(full, pathOf(field), undefined))).toBeDefined()
  })

  test.each([
    'name',
    'safe',
    'tokens',
    'recipients',
    'limits.perTradeUsd',
    'limits.gas.perDayWei',
    'proofs',
    'approvals',
    'identities.executors',
    'verifiers.0.threshold',
    'witnesses.keys',
    'calls.0.recipientWord',
    'attestations.0.root',
  ])('may not leave out %s', field => {
    expect(() => parse(withField(full, pathOf(field), undefined))).toThrow(`p.yaml: ${field}:`)
  })

  test.each<[string, readonly unknown[], readonly unknown[]]>([
    ['version', [1], [0, 2]],
    ['tokens', [], [[]]],
    ['tokens.0.decimals', [0, 36], [-1, 37, 1.5]],
    [
      'tokens.0.shares',
      ['f(address)', `${'a'.repeat(91)}(address)`],
      ['f', 'f()', 'f(uint256)', ' f(address)', 'f(address) ', `${'a'.repeat(92)}(address)`],
    ],
    ['tokens.0.usd', ['one'], ['two']],
    ['limits.maxSlippageBps', [0, 10_000], [-1, 10_001, 0.5]],
    ['limits.maxDrawdownBps', [0, 10_000], [-1, 10_001]],
    ['limits.maxPriceImpactBps', [0, 10_000], [-1, 10_001]],
    ['limits.perTradeUsd', [0], [-1, 0.5, '5']],
    ['limits.tokens.USDC.perTrade', ['0'], ['-1', '01', 5]],
    ['limits.gas.perTransactionWei', ['0'], ['-1', 5]],
    ['calls.0.recipientWord', [0, 2], [-1, 17, 0.5]],
    [
      'calls.0.function',
      ['f()', 'f(uint256)', 'f(a,b,c)', `f(${'a'.repeat(197)})`],
      ['f', 'f(', '(a)', 'f(,a)', 'f(a,)', 'f(a b)', ' f(a)', 'f(a) ', `f(${'a'.repeat(198)})`],
    ],
    ['verifiers.0.threshold', [1, 64], [0, 65, 1.5]],
    ['verifiers.0.aboveUsd', [0], [-1]],
    ['exits.0.intent', ['swap', 'swapV2', 'removeLiquidity', 'collectFees', 'wrap', 'unwrap'], ['transfer']],
    ['proofs', [[full.proofs[0]]], [[]]],
    ['proofs.0.anyOf', [[['signed']], [['signed', 'replay'], ['quorum']]], [[], [[]], [['signed'], []]]],
    ['proofs.0.upToUsd', [0], [-1]],
    ['approvals.aboveUsd', [0, null], [-1]],
    ['approvals.threshold', [1], [0, -1, 2]],
    ['approvals.validitySeconds', [900, 2_592_000], [899, 2_592_001, 0, 1.5, '7200']],
    ['onUnexplained', ['alert', 'pause'], ['ignore']],
    [
      'witnesses',
      [{ aboveUsd: 0, threshold: 2, keys: [vkey('a'), vkey('b')] }],
      [
        { aboveUsd: 0, threshold: 0, keys: [vkey('a')] },
        { aboveUsd: 0, threshold: 2, keys: [vkey('a')] },
        { aboveUsd: 0, threshold: 2, keys: [vkey('a'), vkey('a')] },
        { aboveUsd: 0, threshold: 1, keys: [] },
        { aboveUsd: 0, threshold: 1.5, keys: [vkey('a'), vkey('b')] },
        { aboveUsd: 0, threshold: 1, keys: ['a'] },
      ],
    ],
    [
      'attestations.0.measurements',
      [{ pcr0: '00' }, { pcr0: 'ab', pcr15: 'cd' }],
      [
        {},
        { pcr1: '00' },
        { pcr0: '0' },
        { pcr0: 'AB' },
        { pcr0: '' },
        { pcr0: 'zz' },
        { pcr0: '00', pcr123: '00' },
        { pcr0: '00', xpcr1: '00' },
      ],
    ],
    [
      'attestations.1.measurements',
      [{ ...tdx.measurements, rtMr0: '00', rtMr3: '00' }],
      [
        { ...tdx.measurements, rtMr4: '00' },
        { mrTd: '22', rtMr1: '33' },
        { rtMr1: '33', rtMr2: '44' },
        { mrTd: '22', rtMr2: '44' },
      ],
    ],
    [
      'attestations.2.measurements',
      [{ mrEnclave: '55', mrSigner: '66' }],
      [{ mrSigner: '66' }, { mrEnclave: '55', mrTd: '22' }],
    ],
    [
      'attestations.0',
      [{ ...nitro, for: 'opengradient' }],
      [
        { ...tdx, for: 'opengradient' },
        { ...sgx, for: 'opengradient' },
        { ...nitro, tcb: [] },
        { ...nitro, for: 'replay' },
      ],
    ],
    [
      'attestations.1.tcb',
      [[], ['SWHardeningNeeded', 'ConfigurationNeeded', 'ConfigurationAndSWHardeningNeeded', 'OutOfDate']],
      [['Revoked']],
    ],
  ])('%s takes what it should, and nothing else', (field, good, bad) => {
    for (const value of good) expect(parse(withField(full, pathOf(field), value)), JSON.stringify(value)).toBeDefined()
    for (const value of bad)
      expect(() => parse(withField(full, pathOf(field), value)), JSON.stringify(value)).toThrow(`p.yaml: ${field}`)
  })

  test('is refused by the field that is wrong, in words', () => {
    const refusal = (field: string, value: unknown) => {
      try {
        parse(withField(full, pathOf(field), value))
      } catch (error) {
        return [(error as { code?: string }).code, (error as Error).message]
      }
      return null
    }
    expect(refusal('safe', 'here')?.[0]).toBe('BAD_CONFIG')
    expect(refusal('attestations.0.measurements', {})?.[1]).toBe(
      'p.yaml: attestations.0.measurements: must name pcr0: else any software would do',
    )
    expect(refusal('attestations.0.measurements', { pcr0: '00', mrTd: '00' })?.[1]).toBe(
      'p.yaml: attestations.0.measurements: nitro has no mrTd',
    )
    expect(refusal('attestations.0.tcb', [])?.[1]).toBe('p.yaml: attestations.0.tcb: is of Intel platforms')
    expect(refusal('attestations.1.for', 'opengradient')?.[1]).toBe(
      'p.yaml: attestations.1.platform: an OpenGradient gateway runs on nitro',
    )
    expect(refusal('witnesses.threshold', 2)?.[1]).toBe('p.yaml: witnesses: the threshold exceeds the number of keys')
    expect(refusal('calls.0.function', 'f')?.[1]).toBe('p.yaml: calls.0.function: must be like stake(uint256,address)')
    expect(refusal('attestations.0.measurements.pcr0', 'AB')?.[1]).toBe(
      'p.yaml: attestations.0.measurements.pcr0: must be lower-case hexadecimal',
    )
    const strange = { pcr0: '00', second: '00', third: '00' }
    expect(refusal('attestations.0.measurements', strange)?.[1]).toBe(
      'p.yaml: attestations.0.measurements: nitro has no second',
    )
    expect(refusal('witnesses', { aboveUsd: 0, threshold: 1, keys: [] })?.[1]).toContain('p.yaml: witnesses.keys: ')
    expect(() => parse(null)).toThrow('p.yaml: (root): ')
  })

  test('has a digest that every field changes', () => {
    const digests = new Set(
      [full, plain, withField(full, ['name'], 'another'), withField(full, ['weth'], undefined)].map(one =>
        policyDigest(one as Policy),
      ),
    )
    expect(digests.size).toBe(4)
    expect(policyDigest(structuredClone(plain))).toBe(policyDigest(plain))
    expect(policyDigest(plain)).toMatch(/^[0-9a-f]{64}$/)
  })
})

test('an identity is valid from its first to its last millisecond', () => {
  expect(validAt({}, 0)).toBe(true)
  expect([4, 5, 6].map(at => validAt({ fromMs: 5 }, at))).toEqual([false, true, true])
  expect([4, 5, 6].map(at => validAt({ untilMs: 5 }, at))).toEqual([true, true, false])
  expect([4, 5, 7, 8].map(at => validAt({ fromMs: 5, untilMs: 7 }, at))).toEqual([false, true, true, false])
  expect([4, 5, 6].map(at => validAt({ fromMs: 5, untilMs: 5 }, at))).toEqual([false, true, false])
})

test('the first band that covers a value says which proofs it needs; beyond all bands nothing does', () => {
  const bands = (proofs: Policy['proofs']) => (value: number) => proofSetsFor({ ...plain, proofs }, value)
  const small = [['signed']]
  const large = [['replay'], ['quorum', 'tee']]
  const two = bands([
    { upToUsd: 10, anyOf: small },
    { upToUsd: 20, anyOf: large },
  ])
  expect([0, 10, 11, 20].map(two)).toEqual([small, small, large, large])
  expect(two(21)).toBeNull()
  expect(
    [10, 11, 1e9].map(
      bands([
        { upToUsd: 10, anyOf: small },
        { upToUsd: null, anyOf: large },
      ]),
    ),
  ).toEqual([small, large, large])
  expect(
    bands([
      { upToUsd: null, anyOf: small },
      { upToUsd: 10, anyOf: large },
    ])(5),
  ).toEqual(small)
})

test('gas has a ceiling, also where a policy says nothing of it', () => {
  expect(gasCeilingOf(parse(full))).toEqual({ perTransactionWei: 5n, perDayWei: 6n })
  const { gas: _, ...limits } = full.limits
  expect(gasCeilingOf({ ...plain, limits })).toEqual({
    perTransactionWei: 100_000_000_000_000_000n,
    perDayWei: 1_000_000_000_000_000_000n,
  })
})

test('people have the time that a policy gives them, or eight hours; never less than a verdict lasts', () => {
  const { validitySeconds: _, ...silent } = full.approvals
  expect(approvalSecondsOf(parse(full))).toBe(7_200)
  expect(approvalSecondsOf({ ...plain, approvals: silent })).toBe(28_800)
  const limits = { ...plain.limits, maxValiditySeconds: 86_400 }
  expect(approvalSecondsOf({ limits, approvals: silent })).toBe(86_400)
  expect(() => parse(withField(full, ['limits', 'maxValiditySeconds'], 7_201))).toThrow(
    'p.yaml: approvals.validitySeconds: is 7200, less than limits.maxValiditySeconds, 7201: people would have less time',
  )
  expect(parse(withField(full, ['approvals'], { aboveUsd: null, approvers: [], threshold: 0 }))).toBeDefined()
})

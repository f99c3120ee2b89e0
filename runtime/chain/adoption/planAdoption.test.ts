import { decodeFunctionData, toFunctionSelector, zeroAddress } from 'viem'
import { expect, test } from 'vitest'
import { type TreasuryConfig, treasuryConfig } from '#config/treasuryConfig.ts'
import { type Policy, parsePolicy } from '#verifier/policy/policy.ts'
import { MODULE_ABI } from '../abi.ts'
import { SAFE_ABI } from '../devnet/deploySafe.ts'
import { builderChecksum, builderFile } from './builderFile.ts'
import { planAdoption } from './planAdoption.ts'

const address = (byte: string) => `0x${byte.repeat(20)}` as const
const [SAFE, MODULE, DOLLAR, WETH] = [address('a1'), address('a2'), address('a3'), address('a4')]
const [ROUTER, POSITIONS, V2_ROUTER, FARM] = [address('b1'), address('b3'), address('b4'), address('b6')]
const policy = {
  ...{ version: 1, name: 'plan', chainId: 1, safe: SAFE, module: MODULE, recipients: [] },
  tokens: [
    { symbol: 'USDC', address: DOLLAR, decimals: 6, usd: 'one' },
    { symbol: 'WETH', address: WETH, decimals: 18, usd: 'oracle' },
  ],
  uniswapV3: [
    { router: ROUTER, pool: address('b2'), token0: DOLLAR, token1: WETH, feePips: 500, positions: POSITIONS },
  ],
  uniswapV2: [{ router: V2_ROUTER, pair: address('b5'), token0: DOLLAR, token1: WETH }],
  calls: [{ to: FARM, function: 'stake(uint256,address)', recipientWord: 2 }],
  approvals: { aboveUsd: null, approvers: [], threshold: 0 },
} as unknown as Policy
const CAPS = {
  ...{ USDC: { amount: 1, windowSeconds: 1 }, WETH: { amount: 1, windowSeconds: 1 } },
  liquidity: { amount: '11', windowSeconds: 13 },
}
const config = (change: object = {}): TreasuryConfig =>
  treasuryConfig.parse({
    ...{ policy: 'policy.yaml', verifiers: [address('c1'), address('c2'), address('c3')], threshold: 2 },
    ...{ guardian: address('d1'), guard: null, watchNative: false },
    caps: CAPS,
    verifierLimits: { USDC: { above: 5_000_000, verifiers: 3 } },
    ...change,
  })

test('what a policy allows becomes rules of the module, each with the word that is paid, and nothing else does', () => {
  const plan = planAdoption(policy, config())
  const calls = plan.filter(({ to }) => to === MODULE).map(({ data }) => decodeFunctionData({ abi: MODULE_ABI, data }))
  const rules = calls.flatMap(({ functionName, args }) =>
    functionName === 'setRule' ? [[String(args[0]).toLowerCase(), args[1], args[2].recipientWord]] : [],
  )
  const selector = toFunctionSelector
  expect(rules.sort()).toEqual(
    [
      [ROUTER, selector('exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))'), 4],
      [
        POSITIONS,
        selector('mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))'),
        10,
      ],
      [POSITIONS, selector('decreaseLiquidity((uint256,uint128,uint256,uint256,uint256))'), 0],
      [POSITIONS, selector('collect((uint256,address,uint128,uint128))'), 2],
      [V2_ROUTER, selector('swapExactTokensForTokens(uint256,uint256,address[],address,uint256)'), 4],
      [FARM, selector('stake(uint256,address)'), 2],
    ].sort(),
  )
  const limits = calls.find(({ functionName }) => functionName === 'setVerifierLimit')
  // Limits count over the cap's window.
  expect(limits?.args).toEqual([expect.stringMatching(new RegExp(DOLLAR, 'i')), 5_000_000n, 1, 3])
  expect(plan.map(({ words }) => words)).toContain(
    'above 5 USDC at once, or twice that in any 1 seconds, 3 verifiers must have signed',
  )
  const spenders = calls.flatMap(({ functionName, args }) =>
    functionName === 'setSpender' ? [`${args[0]} ${args[1]} ${args[2]}`.toLowerCase()] : [],
  )
  expect(spenders.sort()).toEqual(
    [ROUTER, POSITIONS, V2_ROUTER, FARM].flatMap(spender => [`${DOLLAR} ${spender} 1`, `${WETH} ${spender} 1`]).sort(),
  )
})

test('native coins have a cap like any asset, and a call that wraps them carries no more; so has liquidity', () => {
  const caps = { ...CAPS, native: { amount: '7', windowSeconds: 9 } }
  const plan = planAdoption({ ...policy, weth: WETH }, config({ caps, watchNative: true }))
  const calls = plan.map(({ data }) => decodeFunctionData({ abi: [...MODULE_ABI, ...SAFE_ABI], data }))
  const setCap = calls.flatMap(({ functionName, args }) => (functionName === 'setCap' ? [args] : []))
  expect(setCap).toContainEqual([zeroAddress, 7n, 9])
  expect(setCap).toContainEqual([expect.stringMatching(new RegExp(POSITIONS, 'i')), 11n, 13])
  const rule = (signature: string) =>
    calls.find(({ functionName, args }) => functionName === 'setRule' && args?.[1] === toFunctionSelector(signature))
      ?.args?.[2]
  expect(rule('deposit()')).toMatchObject({ maxValue: 7n })
  expect(rule('decreaseLiquidity((uint256,uint128,uint256,uint256,uint256))')).toMatchObject({ amountWord: 2 })
  expect(() => planAdoption({ ...policy, weth: WETH }, config({ watchNative: true }))).toThrow('caps.native is missing')
  expect(() => planAdoption({ ...policy, weth: WETH }, config({ caps }))).toThrow('needs watchNative')
  const { liquidity: _, ...without } = CAPS
  expect(() => planAdoption(policy, config({ caps: without }))).toThrow(
    'caps.liquidity is missing: without a cap, k verifiers could take all of it out of positions, at a price that they push',
  )
  const [{ positions: __, ...pool }] = policy.uniswapV3 as [(typeof policy.uniswapV3)[number]]
  expect(planAdoption({ ...policy, uniswapV3: [pool] }, config({ caps: without }))).not.toEqual([])
})

test('a file of the Transaction Builder carries the checksum by which it is told from a changed one', () => {
  const file = builderFile(policy, planAdoption(policy, config()), 1) as { meta: Record<string, string> }
  const { checksum, ...meta } = file.meta
  expect(builderChecksum({ ...file, meta })).toBe(checksum)
  expect(builderChecksum({ ...file, meta: { ...meta, name: 'another name' } })).toBe(checksum)
  expect(builderChecksum({ ...file, meta: { ...meta, description: 'other words' } })).not.toBe(checksum)
})

test('an address with a wrong checksum is refused by name; with the right one it is the same as in lower case', () => {
  const right = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'
  expect(config({ guardian: right }).guardian).toBe(right.toLowerCase())
  expect(() => config({ guardian: right.replace('5aA', '5AA') })).toThrow('EIP-55')
  const { calls: _, ...document } = policy
  expect(() => parsePolicy({ ...document, safe: right.replace('5aA', '5AA') }, 'p.yaml')).toThrow(
    /p\.yaml: safe: .* wrong checksum \(EIP-55\)/,
  )
})

test('more verifiers than there are, and a token without a cap, are refused', () => {
  const many = config({ verifierLimits: { USDC: { above: 1, verifiers: 4 } } })
  expect(() => planAdoption(policy, many)).toThrow('verifierLimits.USDC: there are 3 verifiers')
  expect(() => planAdoption(policy, config({ caps: { USDC: { amount: 1, windowSeconds: 1 } } }))).toThrow('caps.WETH')
})

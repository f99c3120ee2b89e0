import { decodeFunctionData, toFunctionSelector, zeroAddress } from 'viem'
import { expect, test } from 'vitest'
import { type TreasuryConfig, treasuryConfig } from '#config/treasuryConfig.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { MODULE_ABI } from '../abi.ts'
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
const config = (change: object = {}): TreasuryConfig =>
  treasuryConfig.parse({
    ...{ policy: 'policy.yaml', verifiers: [address('c1'), address('c2'), address('c3')], threshold: 2 },
    ...{ guardian: address('d1'), guard: null, watchNative: false },
    caps: { USDC: { amount: 1, windowSeconds: 1 }, WETH: { amount: 1, windowSeconds: 1 } },
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
  const spenders = calls.flatMap(({ functionName, args }) =>
    functionName === 'setSpender' ? [[String(args[0]).toLowerCase(), String(args[1]).toLowerCase(), args[2]]] : [],
  )
  expect(spenders.sort()).toEqual(
    [ROUTER, POSITIONS, V2_ROUTER, FARM].flatMap(spender => [DOLLAR, WETH].map(token => [token, spender, 1])).sort(),
  )
  const limits = calls.find(({ functionName }) => functionName === 'setVerifierLimit')
  expect(limits?.args).toEqual([expect.stringMatching(new RegExp(DOLLAR, 'i')), 5_000_000n, 1, 3])
  expect(plan.map(({ words }) => words)).toContain('above 5 USDC at once, 3 verifiers must have signed')
})

test('more verifiers than there are, and a token without a cap, are refused', () => {
  const many = config({ verifierLimits: { USDC: { above: 1, verifiers: 4 } } })
  expect(() => planAdoption(policy, many)).toThrow('verifierLimits.USDC: there are 3 verifiers')
  expect(() => planAdoption(policy, config({ caps: { USDC: { amount: 1, windowSeconds: 1 } } }))).toThrow('caps.WETH')
})

test('native coins are capped as any asset, and wrapped up to their cap at once; without a cap no plan lets them be', () => {
  const wrapping = { ...policy, weth: WETH } as Policy
  expect(() => planAdoption(wrapping, config({ watchNative: true }))).toThrow('caps.native is missing')
  const caps = { ...config().caps, native: { amount: 5n, windowSeconds: 60 } }
  expect(() => planAdoption(wrapping, { ...config(), caps })).toThrow('needs watchNative')
  const calls = planAdoption(wrapping, { ...config(), watchNative: true, caps }).map(({ data, to }) =>
    to === MODULE ? decodeFunctionData({ abi: MODULE_ABI, data }) : null,
  )
  expect(calls.find(call => call?.functionName === 'setCap' && call.args[0] === zeroAddress)?.args).toEqual([
    zeroAddress,
    5n,
    60,
  ])
  const values = calls.flatMap(call => (call?.functionName === 'setRule' ? [call.args[2].maxValue] : []))
  expect(values.filter(value => value > 0n)).toEqual([5n])
})

import type { Policy } from '#verifier/policy/policy.ts'
import type { PolicyFault } from '#verifier/policy/policyFaults.ts'
import type { ReadAnswer, ReadCall, Reading } from './reading.ts'

/** Selectors of the questions that are asked, by what they are called. */
const ASKS = {
  'decimals()': '0x313ce567',
  'token0()': '0x0dfe1681',
  'token1()': '0xd21220a7',
  'fee()': '0xddca3f43',
  'factory()': '0xc45a0155',
  'safe()': '0x186f0354',
  'getThreshold()': '0xe75235b8',
} as const
type Ask = keyof typeof ASKS

/** What a contract must answer: a number, or an address; null: the same as `like` answers; undefined: anything. */
type Expected = {
  path: string
  to: string
  ask: Ask
  value?: bigint | undefined
  /** A contract that must answer the same. */
  like?: string
  /** What the contract is taken for. */
  as: string
}

/**
 * What the chain says otherwise than a policy: decimals, a pool's tokens and fee, routers and managers of another factory, a
 * module of another Safe, addresses without such a contract. One wrong number here prices or caps everything wrongly.
 *
 * @example yield* chainFaults(policy) // [{ path: ['tokens', '0', 'decimals'], reason: 'is 18; the token says 6' }]
 */
export function* chainFaults(policy: Policy): Reading<PolicyFault[]> {
  const expected = expectations(policy)
  const questions = expected.flatMap(({ to, ask, like }) => [callOf(to, ask), callOf(like ?? to, ask)])
  const answers = yield questions
  const faults: PolicyFault[] = []
  for (const [i, { path, to, ask, value, like, as }] of expected.entries()) {
    const [said, other] = [answers[2 * i], answers[2 * i + 1]].map(wordOf)
    const fault = (reason: string) => void faults.push({ path: path.split('.'), reason })
    if (said == null) fault(`${to} is no ${as}: it does not answer ${ask}`)
    else if (like !== undefined && other !== said)
      fault(`${to} is of another factory than ${like}: ${shown(said)}, not ${other == null ? 'any' : shown(other)}`)
    else if (value !== undefined && said !== value) fault(`the chain says otherwise: ${ask} of ${to} is ${shown(said)}`)
  }
  return faults
}

function expectations({ safe, module, tokens, uniswapV3, uniswapV2 = [] }: Policy): Expected[] {
  return [
    { path: 'safe', to: safe, ask: 'getThreshold()', as: 'Safe' },
    { path: 'module', to: module, ask: 'safe()', value: BigInt(safe), as: 'WarrantModule' },
    ...tokens.map(({ address, decimals }, i): Expected => {
      return { path: `tokens.${i}.decimals`, to: address, ask: 'decimals()', value: BigInt(decimals), as: 'token' }
    }),
    ...uniswapV3.flatMap(({ pool, token0, token1, feePips, router, positions }, i): Expected[] => {
      const at = `uniswapV3.${i}`
      const v3 = { as: 'Uniswap v3 pool', to: pool }
      return [
        { ...v3, path: `${at}.token0`, ask: 'token0()', value: BigInt(token0) },
        { ...v3, path: `${at}.token1`, ask: 'token1()', value: BigInt(token1) },
        { ...v3, path: `${at}.feePips`, ask: 'fee()', value: BigInt(feePips) },
        { path: `${at}.router`, to: router, ask: 'factory()', like: pool, as: 'Uniswap router' },
        ...(positions === undefined
          ? []
          : [
              { path: `${at}.positions`, to: positions, ask: 'factory()', like: pool, as: 'position manager' } as const,
            ]),
      ]
    }),
    ...uniswapV2.flatMap(({ pair, token0, token1, router }, i): Expected[] => {
      const at = `uniswapV2.${i}`
      const v2 = { as: 'Uniswap v2 pair', to: pair }
      return [
        { ...v2, path: `${at}.token0`, ask: 'token0()', value: BigInt(token0) },
        { ...v2, path: `${at}.token1`, ask: 'token1()', value: BigInt(token1) },
        { path: `${at}.router`, to: router, ask: 'factory()', like: pair, as: 'Uniswap router' },
      ]
    }),
  ]
}

const callOf = (to: string, ask: Ask): ReadCall => ({ to, data: ASKS[ask] })

/** The one word that an answer holds; null where it holds none. */
function wordOf(answer: ReadAnswer | undefined): bigint | null {
  return answer !== undefined && 'result' in answer && /^0x[0-9a-f]{64}$/.test(answer.result)
    ? BigInt(answer.result)
    : null
}

/** A number, or an address where it is as large as one. */
const shown = (word: bigint): string => (word < 1n << 64n ? String(word) : `0x${word.toString(16).padStart(40, '0')}`)

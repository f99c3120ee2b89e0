import { type Address, encodeFunctionData, type Hex, numberToHex, type PublicClient, parseAbi } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type TreasuryConfig, treasuryConfig } from '#config/treasuryConfig.ts'
import { GUARD_ABI, MODULE_ABI } from '#runtime/chain/abi.ts'
import { examineTreasury, type Finding } from '#runtime/chain/adoption/examineTreasury.ts'
import { planAdoption } from '#runtime/chain/adoption/planAdoption.ts'
import { readStanding } from '#runtime/chain/adoption/readStanding.ts'
import { ownArtifact } from '#runtime/chain/artifacts.ts'
import { createSafe, execAsOwners, SAFE_ABI } from '#runtime/chain/devnet/deploySafe.ts'
import { type Devnet, startDevnet } from '#runtime/chain/devnet/startDevnet.ts'
import { demoPolicy } from '#runtime/demo/demoPolicy.ts'
import { type Policy, parsePolicy } from '#verifier/policy/policy.ts'

// A treasury of its own, adopted by the plan: whatever is not what the files say is named, and planned away.
const address = (byte: string) => `0x${byte.repeat(20)}`
const [EXECUTOR, GUARDIAN, APPROVER, PAYEE, FARM] = ['e1', 'a1', 'a2', 'b1', 'fa'].map(address) as [
  string,
  string,
  string,
  string,
  string,
]
const VERIFIERS = ['c1', 'c2', 'c3'].map(address)
/** Answers 1 to everything: a yes to every question about interfaces, Safe and permission. */
const YES: Hex = '0x600160005260206000f3'
let net: Devnet
let client: PublicClient
let node: (method: string, params: unknown[]) => Promise<unknown>
let safe: Hex
let policy: Policy
let config: TreasuryConfig
let snapshot: unknown

const asOwners = (to: string, data: Hex) => execAsOwners(net.client, net.owners.slice(0, 2), safe, to as Hex, data)
const deployGuard = (of: Hex, module: Hex) => net.client.deploy(net.deployer, ownArtifact('WarrantGuard'), [of, module])

beforeAll(async () => {
  net = await startDevnet({
    ...{ startSeconds: 1_700_000_000, startTick: 200_000, verifiers: VERIFIERS, threshold: 2, executor: EXECUTOR },
    ...{ treasury: { dollars: 1n, weth: 1n } },
  })
  client = net.client.public as PublicClient
  node = (method, params) => client.request({ method, params } as never)
  safe = await createSafe(net.client, net.deployer, net.safeContracts, {
    ...{ owners: net.owners.map(owner => owner.address), threshold: 2, salt: 9n },
  })
  const args = [safe, VERIFIERS, 2n, `0x${'00'.repeat(32)}`, GUARDIAN]
  const module = (await net.client.deploy(net.deployer, ownArtifact('WarrantModule'), args)).toLowerCase() as Hex
  const guard = (await deployGuard(safe, module)).toLowerCase()
  const { weth } = net.market
  policy = parsePolicy(
    {
      ...demoPolicy({
        ...{ chain: { ...net.chain, safe, module }, logKey: 'log+00+00', agentKey: 'ab'.repeat(32) },
        ...{ executor: EXECUTOR, strategies: [], models: [], workers: [] },
      }),
      weth,
      recipients: [PAYEE],
      calls: [{ to: FARM, function: 'stake(uint256,address)', recipientWord: 2 }],
      approvals: { aboveUsd: 1_000, approvers: [APPROVER], threshold: 1 },
    },
    'policy.yaml',
  )
  config = treasuryConfig.parse({
    ...{ policy: 'policy.yaml', verifiers: VERIFIERS, threshold: 2, guardian: GUARDIAN, guard },
    caps: {
      USDC: { amount: '20000000000', windowSeconds: 86_400 },
      WETH: { amount: '5000000000000000000', windowSeconds: 86_400 },
      native: { amount: '2000000000000000000', windowSeconds: 86_400 },
    },
    approvalLimits: { USDC: '10000000000' },
    verifierLimits: { USDC: { above: '5000000000', verifiers: 3 } },
    spenders: [{ token: 'USDC', spender: FARM }],
  })
  await adopt(policy, config)
}, 120_000)
afterAll(() => net?.stop())
beforeEach(async () => {
  snapshot = await node('evm_snapshot', [])
})
afterEach(() => node('evm_revert', [snapshot]))

const planned = async (of: Policy, by: TreasuryConfig) => planAdoption(of, by, await readStanding(client, of, by))
async function adopt(of: Policy, by: TreasuryConfig): Promise<string[]> {
  const plan = await planned(of, by)
  for (const { to, data } of plan) await asOwners(to, data)
  return plan.map(({ words }) => words)
}
const examined = (of: Policy | null = policy, by: TreasuryConfig | null = config) =>
  examineTreasury({ client, chainId: net.chain.chainId, safe, module: policy.module, policy: of, config: by })
const wrong = (findings: Finding[]) => findings.flatMap(({ what, ok, detail }) => (ok ? [] : [`${what}: ${detail}`]))

test('adopted by the plan: all is as the files say, a plan has nothing left, native coins have their cap', async () => {
  expect(wrong(await examined())).toEqual([])
  expect(await planned(policy, config)).toEqual([])
  const limits = await client.readContract({
    address: policy.module as Hex,
    abi: MODULE_ABI,
    functionName: 'getLimits',
  })
  expect(limits.find(({ asset }) => /^0x0+$/.test(asset))?.cap).toMatchObject({ amount: 2n * 10n ** 18n })
  // With the policy alone what the policy decides is compared.
  expect(wrong(await examined(policy, null))).toEqual([])
}, 60_000)

test('a narrower policy: everything that is gone is named by the doctor, taken back by the plan, and then gone from the module', async () => {
  const { weth: _, calls: __, ...narrower } = policy
  const next: Policy = {
    ...narrower,
    recipients: [],
    tokens: policy.tokens.filter(({ symbol }) => symbol === 'USDC'),
    uniswapV3: [],
    approvals: { aboveUsd: null, approvers: [], threshold: 0 },
  }
  const { USDC } = config.caps
  const less: TreasuryConfig = {
    ...config,
    ...{ caps: { USDC: { ...USDC, amount: 1_000_000n } as NonNullable<typeof USDC> }, approvalLimits: {} },
    ...{ verifierLimits: {}, spenders: [], verifiers: VERIFIERS.slice(0, 2), guardian: address('a3') },
  }
  const named = wrong(await examined(next, less)).join('\n')
  for (const part of [
    /policy: not in force/,
    new RegExp(`payee ${PAYEE}: in force, and should not be`),
    new RegExp(`rule ${FARM} .*: in force, and should not be`),
    new RegExp(
      `rule ${net.chain.router} .*exactInputSingle.* in force, and should not be|in force, and should not be.*exactInputSingle of ${net.chain.router}`,
    ),
    /cap 0x\w+: in force, and should not be: at most 5 WETH/,
    /cap 0x0+: in force, and should not be: at most 2 native coins/,
    /cap 0x\w+: not in force: at most 1 USDC .*until now: at most 20000 USDC/,
    /approval limit .* in force, and should not be: above 10000 USDC/,
    /verifier limit .* in force, and should not be: above 5000 USDC/,
    /approvers: not in force: nobody can approve/,
    /assets: not in force: native coins, USDC must not fall .*until now: native coins, USDC, WETH/,
    new RegExp(`spender \\w+ ${FARM}: in force, and should not be`),
    /verifiers: not in force: 2 of 2 verifiers/,
    /guardian: not in force/,
  ])
    expect(named).toMatch(part)
  // The policy alone tells what the policy has taken away.
  expect(wrong(await examined(next, null)).join('\n')).toMatch(
    new RegExp(`payee ${PAYEE}: in force, and should not be`),
  )
  const words = await adopt(next, less)
  expect(words.filter(text => text.startsWith('no longer: ')).length).toBeGreaterThan(8)
  expect(wrong(await examined(next, less))).toEqual([])
  expect(await planned(next, less)).toEqual([])
  // And back again: a third time.
  await adopt(policy, config)
  expect(wrong(await examined())).toEqual([])
}, 120_000)

test.each<[what: string, change: () => Promise<unknown>, named: RegExp]>([
  [
    'a module with one byte of other code',
    async () => {
      const code = (await client.getCode({ address: policy.module as Hex })) as Hex
      const middle = 2 * Math.floor(code.length / 4)
      const other = code.slice(middle, middle + 2) === '00' ? '01' : '00'
      return node('anvil_setCode', [policy.module, code.slice(0, middle) + other + code.slice(middle + 2)])
    },
    /module: 0x\w+: is not the WarrantModule of this version/,
  ],
  [
    'a module whose domain is filled in for another chain',
    async () => {
      const code = (await client.getCode({ address: policy.module as Hex })) as Hex
      const domain = await client.readContract({
        address: policy.module as Hex,
        abi: parseAbi(['function domainSeparator() view returns (bytes32)']),
        functionName: 'domainSeparator',
      })
      return node('anvil_setCode', [policy.module, code.replaceAll(domain.slice(2), 'ab'.repeat(32))])
    },
    /signs for another chain or address/,
  ],
  [
    "another treasury's guard",
    async () => setGuard(await deployGuard(net.chain.safe as Hex, net.chain.module as Hex)),
    /module guard: another guard than this module's: the guard's Safe is/,
  ],
  [
    'a guard of this module for another Safe',
    async () => setGuard(await deployGuard(net.chain.safe as Hex, policy.module as Hex)),
    /another guard than this module's: the guard's Safe is/,
  ],
  [
    'a guard that answers 1 to everything',
    async () => {
      await node('anvil_setCode', [address('77'), YES])
      await setGuard(address('77'))
    },
    /another guard than this module's: 0x77\w+: is not the WarrantGuard/,
  ],
  [
    'a right guard that is not the one of the configuration',
    async () => setGuard(await deployGuard(safe, policy.module as Hex)),
    /the configuration names/,
  ],
  [
    'no guard where one is to be',
    () => setGuard(`0x${'0'.repeat(40)}`),
    /module guard: none: whatever module is enabled/,
  ],
  ['another module, denied by the guard', () => enable(address('78')), /other module: 0x78\w+ is enabled too/],
  [
    'another module that the guard allows',
    () =>
      asOwners(
        config.guard as string,
        encodeFunctionData({ abi: GUARD_ABI, functionName: 'allowModule', args: [address('79') as Address, true] }),
      ),
    /guard allows: 0x79\w+ beside the module/,
  ],
  [
    'a fallback handler that nobody knows',
    async () => {
      await node('anvil_setCode', [address('7a'), YES])
      await asOwners(
        safe,
        encodeFunctionData({ abi: HANDLERS, functionName: 'setFallbackHandler', args: [address('7a') as Address] }),
      )
    },
    /fallback handler: 0x7a\w+ is none that Safe published/,
  ],
  [
    'a transaction guard that nobody knows',
    async () => {
      await node('anvil_setCode', [address('7b'), YES])
      await asOwners(
        safe,
        encodeFunctionData({ abi: HANDLERS, functionName: 'setGuard', args: [address('7b') as Address] }),
      )
    },
    /transaction guard: 0x7b\w+: it decides/,
  ],
  [
    "a Safe that runs somebody else's code",
    async () => {
      const code = (await client.getCode({ address: net.safeContracts.singleton })) as Hex
      await node('anvil_setCode', [address('7c'), `${code}00`])
      await node('anvil_setStorageAt', [safe, numberToHex(0, { size: 32 }), `0x${'00'.repeat(12)}${'7c'.repeat(20)}`])
    },
    /Safe: its code 0x7c\w+ is none that Safe published/,
  ],
  ['a paused module', () => toModule('pause'), /not paused: the module is paused/],
  [
    'a rule beyond the policy',
    () => toModule('setRule', [FARM, '0x11223344', { allowed: true, recipientWord: 0, amountWord: 0, maxValue: 0n }]),
    /rule 0xfa\w+ 0x11223344: in force, and should not be/,
  ],
  [
    'a rule that pins another word',
    () =>
      toModule('setRule', [
        net.chain.router,
        '0x414bf389',
        { allowed: true, recipientWord: 0, amountWord: 0, maxValue: 0n },
      ]),
    /rule \w+ 0x414bf389: not in force/,
  ],
  ['a payee beyond the policy', () => toModule('setPayee', [address('7d'), true]), /payee 0x7d\w+: in force/],
  [
    'a spender beyond the configuration',
    () => toModule('setSpender', [net.market.dollar, address('7e'), 2]),
    /spender \w+ 0x7e\w+: in force/,
  ],
  [
    'a wider cap',
    () => toModule('setCap', [net.market.dollar, 20_000_000_001n, 86_400]),
    /cap .*: not in force: at most 20000 USDC .*until now: at most 20000\.000001 USDC/,
  ],
  [
    'a shorter window',
    () => toModule('setCap', [net.market.dollar, 20_000_000_000n, 3_600]),
    /cap .*any 86400 seconds.*until now.* 3600 seconds/,
  ],
  [
    'another verifier',
    () => toModule('setVerifiers', [[...VERIFIERS, address('c4')], 3n]),
    /verifiers: not in force: 2 of 3/,
  ],
  [
    'a lower threshold of approvers',
    () => toModule('setApprovers', [[APPROVER], 0n]),
    /approvers: not in force: 1 of 1/,
  ],
  [
    'a guardian who is the executor',
    () => toModule('setGuardian', [EXECUTOR]),
    /keys: 0xe1\w+ is executor .* and guardian/,
  ],
  [
    'a verifier who is an approver',
    () => toModule('setVerifiers', [[APPROVER], 1n]),
    /keys: 0xa2\w+ is approver .* and verifier/,
  ],
])(
  '%s: the doctor names it',
  async (_what, change, named) => {
    await change()
    expect(wrong(await examined()).join('\n')).toMatch(named)
  },
  60_000,
)

const HANDLERS = parseAbi(['function setFallbackHandler(address handler)', 'function setGuard(address guard)'])
const setGuard = (guard: string) =>
  asOwners(safe, encodeFunctionData({ abi: SAFE_ABI, functionName: 'setModuleGuard', args: [guard as Address] }))
const enable = (module: string) =>
  asOwners(safe, encodeFunctionData({ abi: SAFE_ABI, functionName: 'enableModule', args: [module as Address] }))
const toModule = (functionName: string, args: unknown[] = []) =>
  asOwners(policy.module, encodeFunctionData({ abi: MODULE_ABI, functionName, args } as never))

test('another enabled module is planned away by name, wherever it stands in the list; one that the owners know is kept', async () => {
  for (const byte of ['71', '72', '73']) await enable(address(byte))
  const keep = { ...config, otherModules: [address('72')] }
  const words = await adopt(policy, keep)
  expect(words).toEqual([
    `${address('72')} may act for the Safe too, past the guard`,
    expect.stringMatching(/no longer: module 0x71\w+ may act/),
    expect.stringMatching(/no longer: module 0x73\w+ may act/),
  ])
  expect(wrong(await examined(policy, keep))).toEqual([])
  expect(await planned(policy, keep)).toEqual([])
  const back = await adopt(policy, config)
  expect(back).toEqual([
    expect.stringMatching(/no longer: 0x72\w+ may act past the guard/),
    expect.stringMatching(/no longer: module 0x72/),
  ])
}, 60_000)

test.each<[string, () => Partial<Policy>, RegExp]>([
  ['a Safe that is not deployed', () => ({ safe: address('01') }), /the Safe 0x01\w+ is not deployed on this chain/],
  ['no Safe at all', () => ({ safe: net.market.dollar }), /is no Safe/],
  ['the module of another Safe', () => ({ module: net.chain.module }), /the module's Safe is/],
  ['the policy of another Safe', () => ({ safe: net.chain.safe }), /the module's Safe is/],
  ['another chain', () => ({ chainId: 1 }), /the node is of chain 31337, the policy is for 1/],
])('%s: refused in one line before anything is planned', async (_what, change, reason) => {
  await expect(planned({ ...policy, ...change() }, config)).rejects.toThrow(reason)
})

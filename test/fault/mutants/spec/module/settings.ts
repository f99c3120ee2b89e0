import type { Hex } from 'viem'
import { domainSeparator } from 'viem'
import { verdictDomain } from '#verifier/evidence/verdictTypes.ts'
import { type SpecCase, same } from '../specCase.ts'
import { CHAIN_ID } from '../specChain.ts'
import { GUARDIAN, POLICY, type SpecWorld, STRANGER, someone } from '../specWorld.ts'
import { ACT, approverAddresses, PERFORM, read, rule, set, verifierAddresses, ZERO } from './moduleWorld.ts'

const OTHER_POLICY: Hex = `0x${'ef'.repeat(32)}`
const [P, Q, R] = [someone(0xa1), someone(0xa2), someone(0xa3)]
const list = (items: readonly string[]) => `[${items.join(', ')}]`
const ascending = (count: number) => Array.from({ length: count }, (_, i) => someone(i + 1))

/** A setter of the owners: what it is called with, its event, and what is read afterwards. */
type Setting = {
  name: string
  args(world: SpecWorld): readonly unknown[]
  event(world: SpecWorld): string
  reads(world: SpecWorld): [string, readonly unknown[], string][]
}

const at = 1_800_000_000
const bucket = (amount: number, window: number) => `[${amount}, 0, ${window}, ${at}]`

const SETTINGS: readonly Setting[] = [
  {
    name: 'setVerifiers',
    args: () => [[P, Q, R], 3n],
    event: () => `VerifiersSet(${list([P, Q, R])}, 3)`,
    reads: world => [
      ['getVerifiers', [], list([P, Q, R])],
      ['verifierThreshold', [], '3'],
      ['policyDigest', [], POLICY],
      ['getAssets', [], list([ZERO, world.tokenA, world.tokenB])],
    ],
  },
  {
    name: 'setApprovers',
    args: () => [approverAddresses(3), 2n],
    event: () => `ApproversSet(${list(approverAddresses(3))}, 2)`,
    reads: () => [
      ['getApprovers', [], list(approverAddresses(3))],
      ['approverThreshold', [], '2'],
      ...approverAddresses(3).map((one): [string, unknown[], string] => ['isApprover', [one], 'true']),
      ['isApprover', [STRANGER], 'false'],
    ],
  },
  {
    name: 'setGuardian',
    args: () => [P],
    event: () => `GuardianSet(${P})`,
    reads: () => [['guardian', [], P]],
  },
  {
    name: 'setPolicy',
    args: () => [OTHER_POLICY],
    event: () => `PolicySet(${OTHER_POLICY})`,
    reads: world => [
      ['policyDigest', [], OTHER_POLICY],
      ['getVerifiers', [], list(verifierAddresses())],
      ['getAssets', [], list([ZERO, world.tokenA, world.tokenB])],
    ],
  },
  {
    name: 'setRule',
    args: world => [world.other, PERFORM, rule({ recipientWord: 3, amountWord: 2, maxValue: 5n })],
    event: world => `RuleSet(${world.other}, ${PERFORM}, [true, 3, 2, 5])`,
    reads: world => [
      ['rules', [world.other, PERFORM], '[true, 3, 2, 5]'],
      ['rules', [world.other, ACT], '[false, 0, 0, 0]'],
      ['rules', [world.target, PERFORM], '[false, 0, 0, 0]'],
      ['rules', [world.target, ACT], '[true, 0, 0, 1000000000000000000]'],
      [
        'getRules',
        [],
        list([
          `[${world.target}, ${ACT}, [true, 0, 0, 1000000000000000000]]`,
          `[${world.other}, ${PERFORM}, [true, 3, 2, 5]]`,
        ]),
      ],
    ],
  },
  {
    name: 'setPayee',
    args: () => [P, true],
    event: () => `PayeeSet(${P}, true)`,
    reads: () => [
      ['isPayee', [P], 'true'],
      ['isPayee', [Q], 'false'],
      ['getPayees', [], list([P])],
    ],
  },
  {
    name: 'setSpender',
    args: world => [world.tokenA, P, 1],
    event: world => `SpenderSet(${world.tokenA}, ${P}, 1)`,
    reads: world => [
      ['spenderLevel', [world.tokenA, P], '1'],
      ['spenderLevel', [P, world.tokenA], '0'],
      ['getSpenders', [], `[[${world.tokenA}, ${P}, 1]]`],
    ],
  },
  {
    name: 'setAssets',
    args: world => [[world.tokenC, ZERO]],
    event: world => `AssetsSet(${list([world.tokenC, ZERO])})`,
    reads: world => [
      ['getAssets', [], list([world.tokenC, ZERO])],
      ['policyDigest', [], POLICY],
      ['getVerifiers', [], list(verifierAddresses())],
    ],
  },
  {
    name: 'setCap',
    args: world => [world.tokenA, 500n, 3600],
    event: world => `CapSet(${world.tokenA}, 500, 3600)`,
    reads: world => [
      ['caps', [world.tokenA], bucket(500, 3600)],
      ['caps', [world.tokenB], '[0, 0, 0, 0]'],
      ['approvalLimits', [world.tokenA], '[0, 0, 0, 0]'],
      ['verifierLimits', [world.tokenA], '[0, 0, 0, 0]'],
    ],
  },
  {
    name: 'setApprovalLimit',
    args: world => [world.tokenA, 400n, 1800],
    event: world => `ApprovalLimitSet(${world.tokenA}, 400, 1800)`,
    reads: world => [
      ['approvalLimits', [world.tokenA], bucket(400, 1800)],
      ['caps', [world.tokenA], '[0, 0, 0, 0]'],
    ],
  },
  {
    name: 'setVerifierLimit',
    args: world => [world.tokenA, 300n, 900, 3],
    event: world => `VerifierLimitSet(${world.tokenA}, 300, 900, 3)`,
    reads: world => [
      ['verifierLimits', [world.tokenA], bucket(300, 900)],
      ['verifiersAbove', [world.tokenA], '3'],
      ['verifiersAbove', [world.tokenB], '0'],
      ['caps', [world.tokenA], '[0, 0, 0, 0]'],
    ],
  },
  { name: 'resume', args: () => [], event: () => 'PauseSet(false)', reads: () => [['paused', [], 'false']] },
]

/** What is no setter of the owners alone. */
const NO_SETTERS = ['execute', 'pause']

const settingCases: readonly SpecCase[] = SETTINGS.map(({ name, args, event, reads }) => ({
  name: `${name} is the Safe's alone, says so, and can be read`,
  async run(world) {
    for (const from of [STRANGER, GUARDIAN, world.address('WarrantModule'), ZERO])
      same(await world.attempt('WarrantModule', name, args(world), { from }), `NotTheSafe(${from})`, 'somebody else')
    const step = { to: world.address('WarrantModule'), data: world.encode('WarrantModule', name, args(world)) }
    const { outcome } = await world.run(world.forwarder, [step], { from: world.safe })
    same(outcome, `NotTheSafe(${world.forwarder})`, 'the Safe by way of another')
    const { logs } = await set(world, name, args(world), { at })
    same(
      logs.map(log => log.event),
      [event(world)],
      'the event',
    )
    for (const [getter, values, expected] of reads(world)) same(await read(world, getter, values), expected, getter)
  },
}))

const attempt = (world: SpecWorld, name: string, args: readonly unknown[]) => world.attempt('WarrantModule', name, args)
const bad = (what: string) => `BadConfiguration(${what})`

/** What the owners set, and what they cannot. */
export const SETTING_CASES: readonly SpecCase[] = [
  ...settingCases,
  {
    name: 'every function that changes anything is tried by a stranger',
    async run(world) {
      const changing = world
        .abi('WarrantModule')
        .flatMap(item => (item.type === 'function' && !/view|pure/.test(item.stateMutability) ? [item.name] : []))
      same(changing.sort(), [...SETTINGS.map(({ name }) => name), ...NO_SETTERS].sort(), 'the functions')
    },
  },
  {
    name: 'a module starts with what it was deployed with, and nothing else',
    async run(world) {
      const module = world.address('WarrantModule')
      for (const [getter, expected] of [
        ['safe', world.safe],
        ['domainSeparator', domainSeparator({ domain: verdictDomain(CHAIN_ID, module) })],
        ['onArbitrum', 'false'],
        ['paused', 'false'],
        ['guardian', GUARDIAN],
        ['policyDigest', POLICY],
        ['getVerifiers', list(verifierAddresses())],
        ['verifierThreshold', '2'],
        ['approverThreshold', '0'],
        ['getApprovers', '[]'],
        ['getPayees', '[]'],
        ['getSpenders', '[]'],
      ] as const)
        same(await read(world, getter), expected, getter)
      const fresh = (await world.deployAnother('WarrantModule', [world.safe, [P], 1n, POLICY, GUARDIAN])).created as Hex
      same(await world.read('WarrantModule', 'getAssets', [], { to: fresh }), '[]', 'the assets of a new one')
      same(await world.read('WarrantModule', 'getRules', [], { to: fresh }), '[]', 'the rules of a new one')
      const other = (await world.deployAnother('WarrantModule', [ZERO, [P], 1n, POLICY, GUARDIAN])).outcome
      same(other, bad('safe'), 'no Safe')
      const none = (await world.deployAnother('WarrantModule', [world.safe, [], 0n, POLICY, GUARDIAN])).outcome
      same(none, bad('verifiers'), 'no verifiers')
    },
  },
  {
    name: 'two disjoint quorums of verifiers cannot exist; the set ascends and has at most 64',
    async run(world) {
      const attempted = (set: readonly string[], threshold: bigint) => attempt(world, 'setVerifiers', [set, threshold])
      for (const [count, threshold, outcome] of [
        [0, 0n, 'refused'],
        [1, 0n, 'refused'],
        [1, 1n, 'ok'],
        [1, 2n, 'refused'],
        [2, 1n, 'refused'],
        [2, 2n, 'ok'],
        [3, 1n, 'refused'],
        [3, 2n, 'ok'],
        [3, 3n, 'ok'],
        [3, 4n, 'refused'],
        [4, 2n, 'refused'],
        [64, 33n, 'ok'],
        [65, 33n, 'refused'],
      ] as const)
        same(
          await attempted(ascending(count), threshold),
          outcome === 'ok' ? 'ok' : bad('verifiers'),
          `${threshold} of ${count}`,
        )
      same(await attempted([P, P], 2n), `SignersNotAscending(${P}, ${P})`, 'one twice')
      same(await attempted([Q, P], 2n), `SignersNotAscending(${Q}, ${P})`, 'descending')
      same(await attempted([P, R, Q], 2n), `SignersNotAscending(${R}, ${Q})`, 'the last too small')
      same(await attempted([ZERO, P], 2n), `SignersNotAscending(${ZERO}, ${ZERO})`, 'nobody')
    },
  },
  {
    name: 'new approvers take the place of all former ones',
    async run(world) {
      await set(world, 'setApprovers', [[P, Q], 1n])
      await set(world, 'setApprovers', [[Q, R], 2n])
      same(await read(world, 'getApprovers'), list([Q, R]), 'the set')
      for (const [one, is] of [
        [P, 'false'],
        [Q, 'true'],
        [R, 'true'],
      ] as const)
        same(await read(world, 'isApprover', [one]), is, one)
      const attempted = (set: readonly string[], threshold: bigint) => attempt(world, 'setApprovers', [set, threshold])
      same(await attempted([P], 2n), bad('approvers'), 'two of one')
      same(await attempted([P], 1n), 'ok', 'one of one')
      same(await attempted([P], 0n), 'ok', 'none of one')
      same(await attempted(ascending(64), 64n), 'ok', 'all of 64')
      same(await attempted(ascending(65), 2n), bad('approvers'), '65')
      same(await attempted([Q, P], 1n), `SignersNotAscending(${Q}, ${P})`, 'descending')
      await set(world, 'setApprovers', [[], 0n])
      same(
        [await read(world, 'isApprover', [Q]), await read(world, 'isApprover', [R])],
        ['false', 'false'],
        'none left',
      )
    },
  },
  {
    name: 'no rule is for the Safe, the module, or a call that carries calls or powers',
    async run(world) {
      const attempted = (target: string, selector: string, allowed = true) =>
        attempt(world, 'setRule', [target, selector, rule({ allowed })])
      const module = world.address('WarrantModule')
      for (const target of [world.safe, module]) {
        same(await attempted(target, ACT), bad('target'), target)
        same(await attempted(target, ACT, false), bad('target'), target)
      }
      for (const selector of OPAQUE) {
        same(await attempted(world.target, selector), bad('selector'), selector)
        same(await attempted(world.target, selector, false), 'ok', `${selector}, taken back`)
      }
      for (const selector of ['0x00000000', '0xffffffff', '0x095ea7b3', '0x39509351', '0xa22cb465', '0x87517c45'])
        same(await attempted(world.target, selector), 'ok', selector)
    },
  },
  {
    name: 'rules, payees and spenders are lists: set again, taken out in any order, nothing else is lost',
    async run(world) {
      const selectors = ['0x00000001', '0x00000002', '0x00000003'] as const
      const entry = (selector: string, r = '[true, 0, 0, 0]') => `[${world.other}, ${selector}, ${r}]`
      await set(world, 'setRule', [world.target, ACT, rule({ allowed: false })])
      same(await read(world, 'getRules'), '[]', 'no rule')
      for (const selector of selectors) await set(world, 'setRule', [world.other, selector, rule()])
      await set(world, 'setRule', [world.other, selectors[1], rule({ recipientWord: 1 })])
      same(
        await read(world, 'getRules'),
        list([entry('0x00000001'), entry('0x00000002', '[true, 1, 0, 0]'), entry('0x00000003')]),
        'three',
      )
      await set(world, 'setRule', [
        world.other,
        selectors[0],
        rule({ allowed: false, recipientWord: 2, amountWord: 3, maxValue: 4n }),
      ])
      same(await read(world, 'rules', [world.other, selectors[0]]), '[false, 0, 0, 0]', 'nothing is left behind')
      same(await read(world, 'getRules'), list([entry('0x00000003'), entry('0x00000002', '[true, 1, 0, 0]')]), 'two')
      await set(world, 'setRule', [world.other, selectors[0], rule({ allowed: false })])
      same(
        await read(world, 'getRules'),
        list([entry('0x00000003'), entry('0x00000002', '[true, 1, 0, 0]')]),
        'still two',
      )
      await set(world, 'setRule', [world.other, selectors[2], rule({ allowed: false })])
      same(await read(world, 'getRules'), list([entry('0x00000002', '[true, 1, 0, 0]')]), 'one')
      await set(world, 'setRule', [world.other, selectors[0], rule()])
      await set(world, 'setRule', [world.other, selectors[1], rule({ allowed: false })])
      same(await read(world, 'getRules'), list([entry('0x00000001')]), 'another one')

      for (const one of [P, Q, R, P]) await set(world, 'setPayee', [one, true])
      same(await read(world, 'getPayees'), list([P, Q, R]), 'three payees')
      await set(world, 'setPayee', [P, false])
      await set(world, 'setPayee', [P, false])
      same(await read(world, 'getPayees'), list([R, Q]), 'two payees')
      await set(world, 'setPayee', [R, false])
      same([await read(world, 'isPayee', [R]), await read(world, 'isPayee', [Q])], ['false', 'true'], 'who they are')
      same(await read(world, 'getPayees'), list([Q]), 'one payee')
      await set(world, 'setPayee', [Q, false])
      same(await read(world, 'getPayees'), '[]', 'no payee')

      const spender = (one: string, level: number) => `[${world.tokenA}, ${one}, ${level}]`
      for (const one of [P, Q, R]) await set(world, 'setSpender', [world.tokenA, one, 1])
      await set(world, 'setSpender', [world.tokenA, Q, 2])
      same(await read(world, 'getSpenders'), list([spender(P, 1), spender(Q, 2), spender(R, 1)]), 'three spenders')
      await set(world, 'setSpender', [world.tokenA, P, 0])
      await set(world, 'setSpender', [world.tokenA, P, 0])
      same(await read(world, 'getSpenders'), list([spender(R, 1), spender(Q, 2)]), 'two spenders')
      await set(world, 'setSpender', [world.tokenA, R, 0])
      same(await read(world, 'getSpenders'), list([spender(Q, 2)]), 'one spender')
      same(await read(world, 'spenderLevel', [world.tokenA, R]), '0', 'who is out')
      same(await attempt(world, 'setSpender', [world.tokenA, P, 3]), bad('level'), 'a level that is none')
    },
  },
  {
    name: 'an asset with a limit stays on the list; none is on it twice, and no more than 64',
    async run(world) {
      const attempted = (assets: readonly string[]) => attempt(world, 'setAssets', [assets])
      same(await attempted(ascending(64)), 'ok', '64')
      same(await attempted(ascending(65)), bad('assets'), '65')
      for (const assets of [
        [P, P],
        [P, Q, P],
        [P, Q, Q],
      ])
        same(await attempted(assets), bad('assets'), 'one twice')
      const { tokenA, tokenB } = world
      for (const setter of ['setCap', 'setApprovalLimit', 'setVerifierLimit']) {
        const limit = (asset: string, window: number) =>
          set(world, setter, [asset, 5n, window, ...(setter === 'setVerifierLimit' ? [2] : [])])
        for (const asset of [ZERO, tokenA, tokenB]) {
          await limit(asset, 60)
          same(
            await attempted([ZERO, tokenA, tokenB].filter(one => one !== asset)),
            bad('limited asset'),
            `${setter} of ${asset}`,
          )
          same(await attempted([asset]), 'ok', `${setter} of ${asset}, which stays`)
          await limit(asset, 0)
        }
        same(await attempted([]), 'ok', `no ${setter} left`)
        const args = (window: number) => [world.tokenC, 5n, window, ...(setter === 'setVerifierLimit' ? [2] : [])]
        same(await attempt(world, setter, args(1)), bad('asset'), `${setter} of what is not measured`)
        same(await attempt(world, setter, args(0)), 'ok', `no ${setter} of what is not measured`)
      }
      same(await attempt(world, 'setVerifierLimit', [tokenA, 5n, 60, 3]), 'ok', 'as many verifiers as there are')
      same(await attempt(world, 'setVerifierLimit', [tokenA, 5n, 60, 4]), bad('verifiers'), 'more than there are')
    },
  },
  {
    name: 'limits that are set again and taken back leave no trace in what every execution reads',
    async run(world) {
      const slots = () =>
        Promise.all(
          Array.from({ length: 24 }, (_, slot) =>
            world.chain.rpc<Hex>('eth_getStorageAt', [
              world.address('WarrantModule'),
              `0x${slot.toString(16)}`,
              'latest',
            ]),
          ),
        )
      const before = await slots()
      for (const setter of ['setApprovalLimit', 'setVerifierLimit']) {
        const more = setter === 'setVerifierLimit' ? [2] : []
        for (const asset of [world.tokenA, world.tokenB]) await set(world, setter, [asset, 5n, 60, ...more])
        same((await slots()).join() === before.join(), false, `${setter} is kept`)
        for (const asset of [world.tokenA, world.tokenB])
          for (const window of [30, 0]) await set(world, setter, [asset, 5n, window, ...more])
        same(await slots(), before, `${setter} taken back`)
      }
    },
  },
  {
    name: 'the limits of all assets are read in the order of the list',
    async run(world) {
      await set(world, 'setCap', [world.tokenA, 1n, 10], { at })
      await set(world, 'setApprovalLimit', [world.tokenA, 2n, 20], { at: at + 1 })
      await set(world, 'setVerifierLimit', [world.tokenA, 3n, 30, 3], { at: at + 2 })
      await set(world, 'setCap', [ZERO, 4n, 40], { at: at + 3 })
      const none = '[0, 0, 0, 0]'
      const of = (asset: string, cap = none, approval = none, verifier = none, count = 0) =>
        `[${asset}, ${cap}, ${approval}, ${verifier}, ${count}]`
      const full = of(world.tokenA, `[1, 0, 10, ${at}]`, `[2, 0, 20, ${at + 1}]`, `[3, 0, 30, ${at + 2}]`, 3)
      same(
        await read(world, 'getLimits'),
        list([of(ZERO, `[4, 0, 40, ${at + 3}]`), full, of(world.tokenB)]),
        'the limits',
      )
    },
  },
  {
    name: 'the guardian and the Safe pause, nobody else; the guardian does not resume',
    async run(world) {
      const pause = (from: Hex) => world.send('WarrantModule', 'pause', [], { from })
      same((await pause(STRANGER)).outcome, `NotTheGuardian(${STRANGER})`, 'a stranger')
      const step = { to: world.address('WarrantModule'), data: world.encode('WarrantModule', 'pause', []) }
      for (const from of [GUARDIAN, world.safe])
        same(
          (await world.run(world.forwarder, [step], { from })).outcome,
          `NotTheGuardian(${world.forwarder})`,
          'by another',
        )
      for (const from of [GUARDIAN, world.safe]) {
        const { outcome, logs } = await pause(from)
        same([outcome, logs[0]?.event, await read(world, 'paused')], ['ok', 'PauseSet(true)', 'true'], from)
        same(
          (await world.send('WarrantModule', 'resume', [], { from: GUARDIAN })).outcome,
          `NotTheSafe(${GUARDIAN})`,
          'resume',
        )
        await set(world, 'resume', [])
        same(await read(world, 'paused'), 'false', 'resumed')
      }
    },
  },
]

/** Every selector that no rule may allow. */
const OPAQUE = [
  ...['0xac9650d8', '0x5ae401dc', '0x1f0464d1', '0x252dba42', '0x82ad56cb', '0x174dea71', '0xbce38bd7', '0x399542e9'],
  ...['0xc3077fa9', '0x3593564c', '0x24856bc3', '0xb61d27f6', '0x8d80ff0a', '0xd505accf', '0x8fcbaf0c', '0x7ac2ff7b'],
  ...['0x2b67b570', '0x2a2d80d1', '0xd73dd623', '0xcae9ca51', '0x3177029f', '0x959b8c3f', '0x558a7297', '0x426a8493'],
  ...['0xc04a8a10', '0x110496e5', '0xeecea000', '0xa3b22fc4'],
]

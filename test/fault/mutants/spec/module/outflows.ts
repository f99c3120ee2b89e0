import { encodeFunctionData, type Hex, parseAbi } from 'viem'
import { SAFE_ABI } from '#runtime/chain/devnet/deploySafe.ts'
import { type SpecCase, same } from '../specCase.ts'
import { GUARDIAN, READS_ABI, type SpecWorld } from '../specWorld.ts'
import {
  ACT,
  approvalsOf,
  approverAddresses,
  boundOf,
  callOf,
  type ExecuteOptions,
  execute,
  moving,
  read,
  rule,
  set,
  trial,
  tryExecute,
  verdictOf,
  ZERO,
} from './moduleWorld.ts'

const T = 1_800_000_000
const TAKE_ABI = parseAbi([
  'function execTransactionFromModule(address to, uint256 value, bytes data, uint8 operation) returns (bool)',
])
const MOST = 2n ** 255n - 1n

/** The Safe's balance of tokenA falls by so much, in one call; the bound allows it. */
const falling = (world: SpecWorld, by: bigint, changes = {}) =>
  verdictOf(world, {
    calls: [moving(world, [world.tokenA, 1_000n - by])],
    bounds: [boundOf(world.tokenA, -1_000n)],
    ...changes,
  })

/** What a batch must leave behind. */
export const BOUND_CASES: readonly SpecCase[] = [
  {
    name: 'a change is at least what its bound says, of measured assets and of others',
    async run(world) {
      for (const token of [world.tokenA, world.tokenB, world.tokenC]) {
        const by = (change: bigint, limit: bigint) =>
          trial(world, { calls: [moving(world, [token, 1_000n + change])], bounds: [boundOf(token, limit)] })
        same(await by(-5n, -5n), 'ok', 'a fall')
        same(await by(-6n, -5n), `BoundViolated(0, ${token}, -6, -5)`, 'one more')
        same(await by(7n, 7n), 'ok', 'a rise')
        same(await by(6n, 7n), `BoundViolated(0, ${token}, 6, 7)`, 'one less')
        const second = { calls: [moving(world, [token, 990n])], bounds: [boundOf(token, -10n), boundOf(token, -9n)] }
        same(await trial(world, second), `BoundViolated(1, ${token}, -10, -9)`, 'the second bound')
        const first = { calls: second.calls, bounds: [...second.bounds].reverse() }
        same(await trial(world, first), `BoundViolated(0, ${token}, -10, -9)`, 'the first bound')
      }
      const native = (limit: bigint) =>
        trial(world, { calls: [callOf(world, { value: 5n })], bounds: [boundOf(ZERO, limit)] })
      same([await native(-5n), await native(-4n)], ['ok', `BoundViolated(0, ${ZERO}, -5, -4)`], 'the native coin')
    },
  },
  {
    name: 'a measured asset that falls has a bound; a rise needs none, nor does what is not measured',
    async run(world) {
      const { tokenA, tokenB, tokenC } = world
      const moved = (changes: [Hex, bigint][], bounds = [boundOf(tokenC, 0n)]) =>
        trial(world, { calls: [moving(world, ...changes)], bounds })
      for (const token of [tokenA, tokenB]) {
        same(await moved([[token, 999n]]), `UnboundAssetFell(${token}, -1)`, 'a fall')
        same(await moved([[token, 1_001n]]), 'ok', 'a rise')
        same(await moved([[token, 999n]], [boundOf(tokenC, 0n), boundOf(token, -1n)]), 'ok', 'a bound')
      }
      same(await moved([[tokenC, 1n]], [boundOf(tokenA, 0n)]), 'ok', 'what is not measured')
      const value = { calls: [callOf(world, { value: 3n })], bounds: [boundOf(tokenC, 0n)] }
      same(await trial(world, value), `UnboundAssetFell(${ZERO}, -3)`, 'the native coin')
      await world.teach(tokenA, { abi: READS_ABI, name: 'ownerOf', args: [0n], answer: world.safe })
      same(
        await moved([[tokenA, 999n]], [{ kind: 2, target: tokenA, id: 0n, limit: 0n }]),
        `UnboundAssetFell(${tokenA}, -1)`,
        'a bound of another kind',
      )
    },
  },
  {
    name: 'a debt is at most, an id is owned, a health factor is at least what the bound says',
    async run(world) {
      const { tokenC, other } = world
      const bound = (kind: number, target: Hex, limit: bigint, id = 0n) =>
        trial(world, { bounds: [{ kind, target, id, limit }] })
      same(
        [await bound(1, tokenC, 1_000n), await bound(1, tokenC, 999n)],
        ['ok', `BoundViolated(0, ${tokenC}, 1000, 999)`],
        'a debt',
      )
      same(await bound(1, tokenC, 2_000n), 'ok', 'a smaller debt')
      await world.teach(other, { abi: READS_ABI, name: 'ownerOf', args: [9n], answer: world.safe })
      await world.teach(other, { abi: READS_ABI, name: 'ownerOf', args: [8n], answer: other })
      same(
        [await bound(2, other, 5n, 9n), await bound(2, other, 5n, 8n)],
        ['ok', `BoundViolated(0, ${other}, 0, 5)`],
        'an id',
      )
      const health = (value: bigint) =>
        world.teach(other, {
          abi: READS_ABI,
          name: 'getUserAccountData',
          args: [world.safe],
          answer: [1n, 2n, 3n, 4n, 5n, value],
        })
      await health(10n)
      same(
        [await bound(3, other, 10n), await bound(3, other, 11n)],
        ['ok', `BoundViolated(0, ${other}, 10, 11)`],
        'a health factor',
      )
      for (const value of [2n ** 256n - 1n, MOST + 1n, MOST]) {
        await health(value)
        same(await bound(3, other, MOST), 'ok', 'no debt at all')
      }
      await health(MOST - 1n)
      same(await bound(3, other, MOST), `BoundViolated(0, ${other}, ${MOST - 1n}, ${MOST})`, 'nearly none')
    },
  },
  {
    name: 'an unknown kind is refused, and an id where there is none',
    async run(world) {
      const bound = (kind: number, id: bigint) => ({ kind, target: world.tokenB, id, limit: 0n })
      const good = boundOf(world.tokenB, 0n)
      for (const kind of [4, 5, 255]) {
        same(await trial(world, { bounds: [bound(kind, 0n)] }), `UnknownBoundKind(0, ${kind})`, 'unknown')
        same(
          await trial(world, { bounds: [good, bound(kind, 0n)] }),
          `UnknownBoundKind(1, ${kind})`,
          'unknown, the second',
        )
      }
      for (const kind of [0, 1, 3])
        same(await trial(world, { bounds: [bound(kind, 1n)] }), `UnknownBoundKind(0, ${kind})`, 'an id')
    },
  },
  {
    name: 'a token that tells no amount stops everything, of whatever sort its bound is',
    async run(world) {
      const { tokenA, tokenC } = world
      const call = encodeFunctionData({ abi: READS_ABI, functionName: 'balanceOf', args: [world.safe] })
      const bounds = [boundOf(world.tokenB, 0n)]
      for (const [token, named] of [
        [tokenA, bounds],
        [tokenC, [boundOf(tokenC, 0n)]],
      ] as const) {
        for (const [answer, reverts] of [
          ['0x', false],
          [`0x${'00'.repeat(31)}`, false],
          [`0x${'00'.repeat(32)}`, true],
        ] as [Hex, boolean][]) {
          await world.teachBytes(token, { call, answer, reverts })
          same((await trial(world, { bounds: [...named] })) === 'ok', false, `${answer}, ${reverts}`)
        }
        await world.teachBytes(token, { call, answer: `0x${'00'.repeat(32)}` })
        same(await trial(world, { bounds: [...named] }), 'ok', 'nothing is an amount')
      }
    },
  },
  {
    name: 'a balance that is no balance is refused',
    async run(world) {
      for (const token of [world.tokenA, world.tokenC]) {
        const became = (balance: bigint) =>
          trial(world, { calls: [moving(world, [token, balance])], bounds: [boundOf(token, 0n)] })
        same([await became(MOST), await became(MOST + 1n)], ['ok', 'BadConfiguration(balance)'], 'afterwards')
      }
      await world.teach(world.tokenC, { abi: READS_ABI, name: 'balanceOf', args: [world.safe], answer: MOST + 1n })
      const bound = (kind: number, limit: bigint) =>
        trial(world, {
          calls: [moving(world, [world.tokenC, 0n])],
          bounds: [{ kind, target: world.tokenC, id: 0n, limit }],
        })
      same(await bound(0, -MOST), 'BadConfiguration(balance)', 'before')
      await world.teach(world.tokenC, { abi: READS_ABI, name: 'balanceOf', args: [world.safe], answer: MOST })
      same(await bound(0, -MOST), 'ok', 'the largest')
    },
  },
]

type Limit = {
  setter: string
  getter: string
  error(asset: Hex, out: bigint, left: bigint): string
  more: readonly unknown[]
  options: ExecuteOptions
}
const LIMITS: readonly Limit[] = [
  {
    setter: 'setCap',
    getter: 'caps',
    error: (asset, out, left) => `CapExceeded(${asset}, ${out}, ${left})`,
    more: [],
    options: { signers: [0, 1, 2] },
  },
  {
    setter: 'setApprovalLimit',
    getter: 'approvalLimits',
    error: (asset, out, left) => `ApprovalNeeded(${asset}, ${out}, ${left})`,
    more: [],
    options: { signers: [0, 1, 2] },
  },
  {
    setter: 'setVerifierLimit',
    getter: 'verifierLimits',
    error: (asset, out, left) => `VerifiersNeeded(${asset}, ${out}, ${left}, 3)`,
    more: [3],
    options: { signers: [0, 1] },
  },
]

const limitCases: readonly SpecCase[] = LIMITS.map(({ setter, getter, error, more, options }) => ({
  name: `${setter}: so much flows out at once, and again as it leaks away`,
  async run(world) {
    const { tokenA, tokenB } = world
    await set(world, setter, [tokenA, 300n, 60, ...more], { at: T })
    const tried = (by: bigint, at: number) => tryExecute(world, falling(world, by), { ...options, at })
    const executed = async (by: bigint, at: number, nonce: bigint) => {
      same(
        (await execute(world, falling(world, by, { nonce }), { ...options, at })).outcome,
        'ok',
        `${by} at ${at - T}`,
      )
      await world.teach(tokenA, { abi: READS_ABI, name: 'balanceOf', args: [world.safe], answer: 1_000n })
    }
    same([await tried(300n, T + 1), await tried(301n, T + 1)], ['ok', error(tokenA, 301n, 300n)], 'the first')
    await executed(200n, T + 10, 21n)
    same(await read(world, getter, [tokenA]), `[300, 200, 60, ${T + 10}]`, 'its level')
    // 5 a second leak away.
    same([await tried(110n, T + 12), await tried(111n, T + 12)], ['ok', error(tokenA, 111n, 110n)], 'two seconds later')
    await executed(110n, T + 12, 22n)
    same(await read(world, getter, [tokenA]), `[300, 300, 60, ${T + 12}]`, 'it is full')
    same(await tried(1n, T + 12), error(tokenA, 1n, 0n), 'at once')
    same([await tried(5n, T + 13), await tried(6n, T + 13)], ['ok', error(tokenA, 6n, 5n)], 'a second later')
    same([await tried(295n, T + 71), await tried(296n, T + 71)], ['ok', error(tokenA, 296n, 295n)], 'nearly empty')
    same(
      [await tried(300n, T + 72), await tried(300n, T + 5_000), await tried(301n, T + 5_000)],
      ['ok', 'ok', error(tokenA, 301n, 300n)],
      'empty',
    )
    const other = verdictOf(world, { calls: [moving(world, [tokenB, 1n])], bounds: [boundOf(tokenB, -999n)] })
    same(await tryExecute(world, other, { ...options, at: T + 12 }), 'ok', 'another asset')
    await set(world, setter, [tokenA, 7n, 3, ...more], { at: T + 20 })
    same(await read(world, getter, [tokenA]), `[7, 0, 3, ${T + 20}]`, 'set again, it is empty')
    // 7 in 3 seconds: rounded down.
    await executed(7n, T + 21, 23n)
    same([await tried(2n, T + 22), await tried(3n, T + 22)], ['ok', error(tokenA, 3n, 2n)], 'a third leaked away')
    await set(world, setter, [tokenA, 0n, 3, ...more], { at: T + 30 })
    same([await tried(0n, T + 31), await tried(1n, T + 31)], ['ok', error(tokenA, 1n, 0n)], 'a limit of nothing')
    await set(world, setter, [tokenA, 1n, 0, ...more], { at: T + 40 })
    same(await tried(1_000n, T + 41), 'ok', 'no limit')
  },
}))

/** What may flow out, whatever is signed, without approvers, and by few verifiers. */
export const LIMIT_CASES: readonly SpecCase[] = [
  ...limitCases,
  {
    name: 'no rise makes up for a fall: every call counts, and value in full',
    async run(world) {
      const { tokenA } = world
      await set(world, 'setCap', [tokenA, 100n, 60], { at: T })
      await set(world, 'setCap', [ZERO, 100n, 60], { at: T })
      const bounds = [boundOf(tokenA, -1_000n), boundOf(ZERO, -1_000n)]
      const calls = (...balances: bigint[]) =>
        tryExecute(world, verdictOf(world, { calls: balances.map(to => moving(world, [tokenA, to])), bounds }), {
          at: T,
        })
      same([await calls(900n), await calls(899n)], ['ok', `CapExceeded(${tokenA}, 101, 100)`], 'one call')
      same([await calls(950n, 900n), await calls(950n, 899n)], ['ok', `CapExceeded(${tokenA}, 101, 100)`], 'two calls')
      same(
        [await calls(940n, 1_000n, 960n), await calls(940n, 1_000n, 959n)],
        ['ok', `CapExceeded(${tokenA}, 101, 100)`],
        'with a rise between',
      )
      same(await calls(1_000n, 2_000n, 1_900n), 'ok', 'a rise first')
      same(await calls(2_000n, 1_899n), `CapExceeded(${tokenA}, 101, 100)`, 'a rise first, then one more')
      const back = (amount: bigint) => ({ to: world.safe, value: amount })
      const value = (amount: bigint, returned: bigint) =>
        tryExecute(
          world,
          verdictOf(world, {
            calls: [callOf(world, { value: amount, steps: returned > 0n ? [back(returned)] : [] })],
            bounds,
          }),
          { at: T },
        )
      same([await value(100n, 0n), await value(101n, 0n)], ['ok', `CapExceeded(${ZERO}, 101, 100)`], 'value')
      same(
        [await value(100n, 100n), await value(101n, 101n)],
        ['ok', `CapExceeded(${ZERO}, 101, 100)`],
        'value that comes back',
      )
      const twice = [callOf(world, { value: 60n, steps: [back(60n)] }), callOf(world, { value: 41n })]
      same(
        await tryExecute(world, verdictOf(world, { calls: twice, bounds }), { at: T }),
        `CapExceeded(${ZERO}, 101, 100)`,
        'value twice',
      )
    },
  },
  {
    name: 'a limit whose window is a second is a limit, and what another module takes beside value counts',
    async run(world) {
      const { tokenA, safe, target } = world
      for (const [setter, more, needed] of [
        ['setApprovalLimit', [], `ApprovalNeeded(${tokenA}, 101, 100)`],
        ['setVerifierLimit', [3], `VerifiersNeeded(${tokenA}, 101, 100, 3)`],
      ] as const) {
        await set(world, setter, [tokenA, 100n, 1, ...more], { at: T + 4_000 * more.length })
        same(await tryExecute(world, falling(world, 101n), { at: T + 4_000 * more.length }), needed, setter)
        await set(world, setter, [tokenA, 0n, 0, ...more])
      }
      await set(world, 'setCap', [ZERO, 100n, 60], { at: T + 9_000 })
      const enable = encodeFunctionData({ abi: SAFE_ABI, functionName: 'enableModule', args: [target] })
      same((await world.chain.send({ from: safe, to: safe, data: enable })).outcome, 'ok', 'another module')
      const taking = (wei: bigint) => {
        const args = [GUARDIAN, wei, '0x', 0] as const
        const data = encodeFunctionData({ abi: TAKE_ABI, functionName: 'execTransactionFromModule', args })
        const calls = [callOf(world, { value: 60n, steps: [{ to: safe, data }] })]
        return tryExecute(world, verdictOf(world, { calls, bounds: [boundOf(ZERO, -1_000n)] }), { at: T + 9_000 })
      }
      same([await taking(40n), await taking(41n)], ['ok', `CapExceeded(${ZERO}, 101, 100)`], 'beside value')
    },
  },
  {
    name: 'the word of an amount counts as outflow of its target, which is measured',
    async run(world) {
      const { target, tokenA } = world
      await set(world, 'setAssets', [[tokenA, target]])
      await world.teach(target, { abi: READS_ABI, name: 'balanceOf', args: [world.safe], answer: 500n })
      await set(world, 'setCap', [target, 100n, 60], { at: T })
      const amount = (...words: [bigint, bigint]) =>
        tryExecute(world, verdictOf(world, { calls: [callOf(world, { words })] }), { at: T })
      same(await amount(101n, 101n), 'ok', 'no word looked at')
      for (const [word, at] of [
        [1, (n: bigint): [bigint, bigint] => [n, 999n]],
        [2, (n: bigint): [bigint, bigint] => [999n, n]],
      ] as const) {
        await set(world, 'setRule', [target, ACT, rule({ amountWord: word })])
        same(
          [await amount(...at(100n)), await amount(...at(101n))],
          ['ok', `CapExceeded(${target}, 101, 100)`],
          `word ${word}`,
        )
      }
      const twice = [callOf(world, { words: [0n, 60n] }), callOf(world, { words: [0n, 41n] })]
      same(
        await tryExecute(world, verdictOf(world, { calls: twice }), { at: T }),
        `CapExceeded(${target}, 101, 100)`,
        'twice',
      )
      await set(world, 'setCap', [target, 0n, 0])
      await set(world, 'setAssets', [[tokenA]])
      same(await amount(0n, 0n), `AmountOfUnlistedTarget(0, ${target})`, 'not measured')
    },
  },
  {
    name: 'approvers and further verifiers are asked where their limits say so, and what passes by them is not counted',
    async run(world) {
      const { tokenA, tokenB } = world
      await set(world, 'setApprovers', [approverAddresses(2), 2n])
      await set(world, 'setApprovalLimit', [tokenA, 100n, 60], { at: T })
      await set(world, 'setVerifierLimit', [tokenB, 100n, 60, 3], { at: T })
      const message = falling(world, 101n)
      const approved = { approvals: await approvalsOf(world, message), at: T }
      same(await tryExecute(world, message, { at: T }), `ApprovalNeeded(${tokenA}, 101, 100)`, 'not approved')
      same(await tryExecute(world, message, approved), 'ok', 'approved')
      same((await execute(world, message, { ...approved, at: T + 1 })).outcome, 'ok', 'executed')
      same(await read(world, 'approvalLimits', [tokenA]), `[100, 0, 60, ${T}]`, 'what was approved does not count')
      const other = (by: bigint, nonce = 31n) =>
        verdictOf(world, { nonce, calls: [moving(world, [tokenB, 1_000n - by])], bounds: [boundOf(tokenB, -1_000n)] })
      same(await tryExecute(world, other(100n), { at: T }), 'ok', 'two verifiers, within')
      same(
        await tryExecute(world, other(101n), { at: T }),
        `VerifiersNeeded(${tokenB}, 101, 100, 3)`,
        'two verifiers, above',
      )
      same((await execute(world, other(101n), { signers: [0, 1, 2], at: T + 2 })).outcome, 'ok', 'three verifiers')
      same(await read(world, 'verifierLimits', [tokenB]), `[100, 0, 60, ${T}]`, 'what three signed does not count')
      // A limit of another asset that is taken back leaves this one in force.
      for (const setter of ['setApprovalLimit', 'setVerifierLimit']) {
        const more = setter === 'setVerifierLimit' ? [3] : []
        for (const window of [60, 60, 0, 0]) await set(world, setter, [ZERO, 1n, window, ...more])
      }
      await world.teach(tokenA, { abi: READS_ABI, name: 'balanceOf', args: [world.safe], answer: 1_000n })
      await world.teach(tokenB, { abi: READS_ABI, name: 'balanceOf', args: [world.safe], answer: 1_000n })
      same(
        await tryExecute(world, falling(world, 101n, { nonce: 32n }), { at: T + 3 }),
        `ApprovalNeeded(${tokenA}, 101, 100)`,
        'still in force',
      )
      same(
        await tryExecute(world, other(101n, 33n), { at: T + 3 }),
        `VerifiersNeeded(${tokenB}, 101, 100, 3)`,
        'still in force',
      )
    },
  },
]

import { concat, encodeFunctionData, type Hex, pad } from 'viem'
import { type SpecCase, same } from '../specCase.ts'
import { NATIVE, PERMIT2_ABI, READS_ABI, type SpecWorld, STRANGER, someone } from '../specWorld.ts'
import {
  ACT,
  becomes,
  boundOf,
  callOf,
  execute,
  moving,
  PERFORM,
  rule,
  set,
  trial,
  tryExecute,
  verdictOf,
  ZERO,
} from './moduleWorld.ts'

const P = someone(0xa1)
const approve = (spender: Hex, amount: bigint): Hex =>
  encodeFunctionData({ abi: READS_ABI, functionName: 'approve', args: [spender, amount] })
const increase = (spender: Hex, amount: bigint): Hex =>
  encodeFunctionData({ abi: READS_ABI, functionName: 'increaseAllowance', args: [spender, amount] })
const approveAll = (spender: Hex, on: boolean): Hex =>
  encodeFunctionData({ abi: READS_ABI, functionName: 'setApprovalForAll', args: [spender, on] })
const permit2 = (token: Hex, spender: Hex, amount: bigint): Hex =>
  encodeFunctionData({ abi: PERMIT2_ABI, functionName: 'approve', args: [token, spender, amount, 0] })

/** A storage slot that a read looks at, set to a value: what no setter could do. */
async function force(world: SpecWorld, name: string, args: readonly unknown[], value: bigint): Promise<void> {
  const call = { from: STRANGER, to: world.address('WarrantModule'), data: world.encode('WarrantModule', name, args) }
  const { accessList } = await world.chain.rpc<{ accessList: { address: Hex; storageKeys: Hex[] }[] }>(
    'eth_createAccessList',
    [call, 'latest'],
  )
  const [slot] = accessList.find(entry => entry.address === call.to)?.storageKeys ?? []
  same(slot !== undefined, true, `${name} reads a slot`)
  await world.chain.rpc('anvil_setStorageAt', [call.to, slot, pad(`0x${value.toString(16)}`)])
}

/** What a batch may call, and what is called. */
export const CALL_CASES: readonly SpecCase[] = [
  {
    name: 'calls are made by the Safe, in order, with their value and data',
    async run(world) {
      await set(world, 'setRule', [world.other, '0x12345678', rule({ maxValue: 9n })])
      await set(world, 'setRule', [world.tokenB, '0x12345678', rule()])
      const calls = [
        { to: world.other, value: 9n, data: '0x12345678aa' as Hex },
        { to: world.tokenB, value: 0n, data: '0x12345678' as Hex },
        { to: world.other, value: 0n, data: '0x12345678bb' as Hex },
      ]
      const { outcome, logs } = await execute(world, verdictOf(world, { calls, bounds: [boundOf(ZERO, -9n)] }))
      same(outcome, 'ok', 'the batch')
      const made = logs.filter(({ event }) => event.startsWith('Called'))
      same(
        made.map(({ address, event }) => [address, event]),
        calls.map(({ to, value, data }) => [to, `Called(${world.safe}, ${value}, ${data})`]),
        'the calls',
      )
      const kept = await world.chain.rpc<Hex>('eth_getBalance', [world.safe, 'latest'])
      same(BigInt(kept), NATIVE - 9n, 'what the Safe keeps')
    },
  },
  {
    name: 'what no rule allows is not called: another target, selector, too few bytes, the Safe, the module',
    async run(world) {
      const at = (to: Hex, data: Hex) => trial(world, { calls: [callOf(world), { to, value: 0n, data }] })
      same(await at(world.other, ACT), `CallNotAllowed(1, ${world.other}, ${ACT})`, 'another target')
      same(await at(world.target, PERFORM), `CallNotAllowed(1, ${world.target}, ${PERFORM})`, 'another selector')
      await set(world, 'setRule', [world.target, '0x00000000', rule()])
      for (const data of ['0x', '0x00', '0x0000', '0x000000'] as Hex[])
        same(await at(world.target, data), `CallNotAllowed(1, ${world.target}, 0x00000000)`, `${data}`)
      same(await at(world.target, '0x00000000'), 'ok', 'four bytes')
      same(await at(world.target, ACT), 'CallFailed(1, 0x)', 'a call that reverts')
      const module = world.address('WarrantModule')
      for (const to of [world.safe, module]) {
        await force(world, 'rules', [to, '0x5c975abb'], 1n)
        same(await at(to, '0x5c975abb'), `CallNotAllowed(1, ${to}, 0x5c975abb)`, 'even if a rule says so')
      }
      await set(world, 'setRule', [world.target, ACT, rule({ allowed: false })])
      same(await trial(world, {}), `CallNotAllowed(0, ${world.target}, ${ACT})`, 'a rule that was taken back')
    },
  },
  {
    name: 'a call that fails takes everything back, and its reason is told',
    async run(world) {
      await set(world, 'setRule', [world.other, '0x12345678', rule()])
      await world.teachBytes(world.other, { call: '0x12345678', answer: '0xdeadbeef', reverts: true })
      const calls = [callOf(world), { to: world.other, value: 0n, data: '0x12345678' as Hex }]
      same(await trial(world, { calls }), 'CallFailed(1, 0xdeadbeef)', 'the second')
      same(await trial(world, { calls: [...calls].reverse() }), 'CallFailed(0, 0xdeadbeef)', 'the first')
    },
  },
  {
    name: 'a recipient word names the Safe or a payee',
    async run(world) {
      const safe = BigInt(world.safe)
      const paying = (...words: [bigint, bigint]) => trial(world, { calls: [callOf(world), callOf(world, { words })] })
      same(await paying(1n, 2n), 'ok', 'no word looked at')
      for (const [word, at] of [
        [1, (who: bigint): [bigint, bigint] => [who, 5n]],
        [2, (who: bigint): [bigint, bigint] => [5n, who]],
      ] as const) {
        await set(world, 'setRule', [world.target, ACT, rule({ recipientWord: word })])
        const alone = (who: bigint) => trial(world, { calls: [callOf(world, { words: at(who) })] })
        same(await alone(safe), 'ok', 'the Safe')
        same(await alone(BigInt(P)), `RecipientNotSafe(0, ${P})`, 'a stranger')
        same(await alone(5n), `RecipientNotSafe(0, ${someone(5)})`, 'another word')
        const second = [callOf(world, { words: at(safe) }), callOf(world, { words: at(BigInt(P)) })]
        same(await trial(world, { calls: second }), `RecipientNotSafe(1, ${P})`, 'in the second call')
        await set(world, 'setPayee', [P, true])
        same(await alone(BigInt(P)), 'ok', 'a payee')
        same(await alone(safe), 'ok', 'still the Safe')
        await set(world, 'setPayee', [P, false])
        same(await alone(BigInt(P)), `RecipientNotSafe(0, ${P})`, 'a payee that was')
      }
      await set(world, 'setRule', [world.target, '0x12345678', rule({ recipientWord: 1 })])
      const short = (bytes: number) =>
        trial(world, {
          calls: [
            {
              to: world.target,
              value: 0n,
              data: concat(['0x12345678', pad(world.safe), '0x']).slice(0, 10 + 2 * bytes) as Hex,
            },
          ],
        })
      same(await short(32), 'ok', 'a whole word')
      same((await short(31)) === 'ok', false, 'a word too short')
    },
  },
  {
    name: 'a call carries value up to its rule, and only where the native coin is measured',
    async run(world) {
      await set(world, 'setRule', [world.target, ACT, rule({ maxValue: 50n })])
      const paying = (value: bigint, limit = -value) =>
        trial(world, { calls: [callOf(world, { value })], bounds: [boundOf(ZERO, limit)] })
      same(await paying(50n), 'ok', 'the most')
      same(await paying(51n), 'ValueNotAllowed(0, 51, 50)', 'one more')
      const second = [callOf(world), callOf(world, { value: 51n })]
      same(
        await trial(world, { calls: second, bounds: [boundOf(ZERO, -60n)] }),
        'ValueNotAllowed(1, 51, 50)',
        'in the second call',
      )
      await set(world, 'setAssets', [[world.tokenA]])
      same(await paying(1n), 'ValueNotAllowed(0, 1, 50)', 'not measured')
      same(await paying(0n), 'ok', 'nothing')
      await set(world, 'setAssets', [[world.tokenA, ZERO]])
      same(await paying(1n), 'ok', 'measured last')
    },
  },
]

/** A batch in which `token` is asked to grant, and what it tells of the allowance afterwards. */
const allowance = (token: Hex, world: SpecWorld, spender: Hex, left: bigint) =>
  world.teach(token, { abi: READS_ABI, name: 'allowance', args: [world.safe, spender], answer: left })

/** What a batch grants counts as if it had flowed out, and does not stay. */
export const GRANT_CASES: readonly SpecCase[] = [
  {
    name: 'an allowance that outlives the batch is for those alone who may have one',
    async run(world) {
      const { tokenA } = world
      const [APPROVE, INCREASE] = [approve(P, 0n).slice(0, 10) as Hex, increase(P, 0n).slice(0, 10) as Hex]
      for (const selector of [APPROVE, INCREASE]) await set(world, 'setRule', [tokenA, selector, rule()])
      for (const data of [approve(P, 5n), increase(P, 5n)]) {
        const trying = (calls = [{ to: tokenA, value: 0n, data }]) => trial(world, { calls })
        await allowance(tokenA, world, P, 3n)
        same(await trying(), `ApprovalOutlivesBatch(${tokenA}, ${P}, 3)`, 'what is left')
        same(
          await trying([callOf(world), { to: tokenA, value: 0n, data }]),
          `ApprovalOutlivesBatch(${tokenA}, ${P}, 3)`,
          'by the last call',
        )
        same(
          await trying([{ to: tokenA, value: 0n, data }, callOf(world)]),
          `ApprovalOutlivesBatch(${tokenA}, ${P}, 3)`,
          'by the first call',
        )
        await set(world, 'setSpender', [tokenA, P, 1])
        same(await trying(), `ApprovalOutlivesBatch(${tokenA}, ${P}, 3)`, 'a spender within a batch')
        await set(world, 'setSpender', [tokenA, P, 2])
        same(await trying(), 'ok', 'a spender for longer')
        await set(world, 'setSpender', [tokenA, P, 0])
        await allowance(tokenA, world, P, 1n)
        same(await trying(), `ApprovalOutlivesBatch(${tokenA}, ${P}, 1)`, 'one is left')
        await allowance(tokenA, world, P, 0n)
        same(await trying(), 'ok', 'nothing is left')
      }
    },
  },
  {
    name: 'what is granted counts in full against every limit, unless the spender is listed',
    async run(world) {
      const { tokenA, tokenB } = world
      const [APPROVE, INCREASE] = [approve(P, 0n).slice(0, 10) as Hex, increase(P, 0n).slice(0, 10) as Hex]
      for (const token of [tokenA, tokenB])
        for (const selector of [APPROVE, INCREASE]) await set(world, 'setRule', [token, selector, rule()])
      await set(world, 'setCap', [tokenA, 100n, 60], { at: 1_800_000_000 })
      await allowance(tokenA, world, P, 0n)
      const most = 2n ** 256n - 1n
      const trying = (...data: Hex[]) =>
        tryExecute(world, verdictOf(world, { calls: data.map(one => ({ to: tokenA, value: 0n, data: one })) }), {
          at: 1_800_000_000,
        })
      for (const grant of [approve, increase]) {
        same(await trying(grant(P, 100n)), 'ok', 'up to the cap')
        same(await trying(grant(P, 101n)), `CapExceeded(${tokenA}, 101, 100)`, 'one more')
        same(await trying(grant(P, 60n), grant(P, 41n)), `CapExceeded(${tokenA}, 101, 100)`, 'in two calls')
        same(await trying(grant(P, most), grant(P, 2n)), `CapExceeded(${tokenA}, ${most}, 100)`, 'without end')
        same(await trying(grant(P, 2n), grant(P, most)), `CapExceeded(${tokenA}, ${most}, 100)`, 'without end, behind')
        same(await trying(grant(P, 0n)), 'ok', 'nothing')
      }
      const other = verdictOf(world, { calls: [{ to: tokenB, value: 0n, data: approve(P, 101n) }] })
      await allowance(tokenB, world, P, 0n)
      same(await tryExecute(world, other), 'ok', 'an asset without a limit')
      for (const level of [1, 2]) {
        await set(world, 'setSpender', [tokenA, P, level])
        same(await trying(approve(P, 101n)), 'ok', 'a listed spender')
      }
      await set(world, 'setSpender', [tokenA, P, 0])
      await set(world, 'setSpender', [tokenB, P, 2])
      same(await trying(approve(P, 101n)), `CapExceeded(${tokenA}, 101, 100)`, 'listed for another token')
    },
  },
  {
    name: 'an allowance of a measured asset for one of its spenders needs no rule; nothing else does without',
    async run(world) {
      const { tokenA, tokenC } = world
      const granted = (to: Hex, data: Hex, value = 0n) =>
        trial(world, { calls: [callOf(world), { to, value, data }], bounds: [boundOf(ZERO, -5n)] })
      const refused = (to: Hex, data: Hex) => `CallNotAllowed(1, ${to}, ${data.slice(0, 10)})`
      for (const token of [tokenA, tokenC]) await allowance(token, world, P, 0n)
      same(await granted(tokenA, approve(P, 5n)), refused(tokenA, approve(P, 5n)), 'no spender')
      await set(world, 'setSpender', [tokenA, P, 1])
      same(await granted(tokenA, approve(P, 5n)), 'ok', 'a spender')
      same(await granted(tokenA, approve(STRANGER, 5n)), refused(tokenA, approve(P, 5n)), 'somebody else')
      same(await granted(tokenA, approve(P, 5n), 1n), refused(tokenA, approve(P, 5n)), 'with value')
      same(await granted(tokenA, increase(P, 5n)), refused(tokenA, increase(P, 5n)), 'another selector')
      await set(world, 'setSpender', [tokenC, P, 2])
      same(await granted(tokenC, approve(P, 5n)), refused(tokenC, approve(P, 5n)), 'of a token that is not measured')
    },
  },
  {
    name: 'of a token that is not measured, and over all its ids, nothing is granted to those who are not listed',
    async run(world) {
      const { tokenA, tokenC } = world
      const ALL = approveAll(P, true).slice(0, 10) as Hex
      await set(world, 'setRule', [tokenC, approve(P, 0n).slice(0, 10) as Hex, rule()])
      for (const token of [tokenA, tokenC]) await set(world, 'setRule', [token, ALL, rule()])
      const forAll = (token: Hex, on: boolean) =>
        world.teach(token, { abi: READS_ABI, name: 'isApprovedForAll', args: [world.safe, P], answer: on })
      const trying = (to: Hex, data: Hex) => trial(world, { calls: [{ to, value: 0n, data }] })
      await allowance(tokenC, world, P, 0n)
      for (const amount of [0n, 1n])
        same(
          await trying(tokenC, approve(P, amount)),
          `SpenderNotListed(${tokenC}, ${P})`,
          `${amount} of a token that is not measured`,
        )
      for (const token of [tokenA, tokenC]) {
        await forAll(token, false)
        same(await trying(token, approveAll(P, true)), `SpenderNotListed(${token}, ${P})`, 'over all')
        same(await trying(token, approveAll(P, false)), 'ok', 'no longer over all')
        await forAll(token, true)
        same(
          await trying(token, approveAll(P, false)),
          `ApprovalOutlivesBatch(${token}, ${P}, 1)`,
          'a token that does not let go',
        )
        await set(world, 'setSpender', [token, P, 1])
        same(await trying(token, approveAll(P, true)), `ApprovalOutlivesBatch(${token}, ${P}, 1)`, 'within a batch')
        await forAll(token, false)
        same(await trying(token, approveAll(P, true)), 'ok', 'and taken back')
        await set(world, 'setSpender', [token, P, 2])
        await forAll(token, true)
        same(await trying(token, approveAll(P, true)), 'ok', 'for longer')
      }
      same(await trying(tokenC, approve(P, 5n)), 'ok', 'a listed spender')
    },
  },
  {
    name: "Permit2's allowance is of the token that it names",
    async run(world) {
      const { other, tokenA, tokenC } = world
      await set(world, 'setRule', [other, permit2(P, P, 0n).slice(0, 10) as Hex, rule()])
      await set(world, 'setCap', [tokenA, 100n, 60], { at: 1_800_000_000 })
      const left = (token: Hex, amount: bigint) =>
        world.teach(other, {
          abi: PERMIT2_ABI,
          name: 'allowance',
          args: [world.safe, token, P],
          answer: [amount, 0, 0],
        })
      const trying = (token: Hex, amount: bigint) =>
        tryExecute(world, verdictOf(world, { calls: [{ to: other, value: 0n, data: permit2(token, P, amount) }] }), {
          at: 1_800_000_000,
        })
      for (const token of [tokenA, tokenC]) await left(token, 0n)
      same(await trying(tokenA, 100n), 'ok', 'up to the cap')
      same(await trying(tokenA, 101n), `CapExceeded(${tokenA}, 101, 100)`, 'one more')
      same(await trying(tokenC, 1n), `SpenderNotListed(${tokenC}, ${P})`, 'of a token that is not measured')
      await left(tokenA, 7n)
      same(await trying(tokenA, 9n), `ApprovalOutlivesBatch(${tokenA}, ${P}, 7)`, 'what is left')
      await set(world, 'setSpender', [tokenA, P, 2])
      same(await trying(tokenA, 101n), 'ok', 'a spender for longer')
    },
  },
  {
    name: 'an allowance of a measured token moves nothing by itself, and what moves all the same is found later',
    async run(world) {
      const { tokenA } = world
      const APPROVE = approve(P, 0n).slice(0, 10) as Hex
      await set(world, 'setRule', [tokenA, APPROVE, rule({ maxValue: 5n })])
      await set(world, 'setCap', [tokenA, 100n, 60], { at: 1_800_000_000 })
      await allowance(tokenA, world, P, 0n)
      const quiet = { to: tokenA, value: 0n, data: approve(P, 0n) }
      const bounds = [boundOf(tokenA, -1_000n), boundOf(ZERO, -5n)]
      const trying = (calls: { to: Hex; value: bigint; data: Hex }[]) =>
        tryExecute(world, verdictOf(world, { calls, bounds }), { at: 1_800_000_000 })
      same(
        await trying([moving(world, [tokenA, 950n]), quiet, moving(world, [tokenA, 849n])]),
        `CapExceeded(${tokenA}, 151, 100)`,
        'around it',
      )
      same(await trying([quiet, moving(world, [tokenA, 899n])]), `CapExceeded(${tokenA}, 101, 100)`, 'after it')
      same(await trying([moving(world, [tokenA, 899n]), quiet]), `CapExceeded(${tokenA}, 101, 100)`, 'before it')
    },
  },
  {
    name: 'what falls in a grant counts at once, but for an allowance of a measured token: there with the next call',
    async run(world) {
      const { tokenA, tokenC, other } = world
      await set(world, 'setCap', [tokenA, 100n, 60], { at: 1_800_000_000 })
      for (const token of [tokenA, tokenC]) await allowance(token, world, P, 0n)
      await world.teach(tokenA, { abi: READS_ABI, name: 'isApprovedForAll', args: [world.safe, P], answer: false })
      await world.teach(other, {
        ...{ abi: PERMIT2_ABI, name: 'allowance', args: [world.safe, tokenA, P], answer: [0n, 0, 0] },
      })
      /** The grant takes 101 of tokenA, and the next call brings them back. */
      const around = async (to: Hex, data: Hex, value = 0n) => {
        await set(world, 'setRule', [to, data.slice(0, 10) as Hex, rule({ maxValue: 5n })])
        await world.teachSteps(to, data, [becomes(world, tokenA, 899n)])
        const calls = [{ to, value, data }, moving(world, [tokenA, 1_000n])]
        const bounds = [boundOf(tokenA, 0n), boundOf(ZERO, -5n)]
        const outcome = await tryExecute(world, verdictOf(world, { calls, bounds }), { at: 1_800_000_000 })
        await world.teachSteps(to, data, [])
        return outcome
      }
      const counted = `CapExceeded(${tokenA}, 101, 100)`
      same(await around(tokenA, approve(P, 0n)), 'ok', 'an allowance')
      same(await around(tokenA, increase(P, 0n)), 'ok', 'an allowance that is increased')
      same(await around(tokenA, approve(P, 0n), 1n), counted, 'an allowance that carries value')
      same(await around(tokenA, approveAll(P, false)), counted, 'an approval over all ids')
      same(await around(other, permit2(tokenA, P, 0n)), counted, 'an allowance of another contract')
      for (const token of [tokenA, tokenC]) await set(world, 'setSpender', [token, P, 1])
      same(await around(tokenC, approve(P, 0n)), counted, 'an allowance of a token that is not measured')
      same(await around(tokenA, approve(P, 7n)), 'ok', 'an allowance of a listed spender')
    },
  },
]

import { concat, encodeFunctionData, type Hex, type LocalAccount, pad } from 'viem'
import { type SpecCase, same } from '../specCase.ts'
import {
  APPROVERS,
  EXECUTOR,
  GUARDIAN,
  lower,
  perform,
  READS_ABI,
  type SpecWorld,
  STRANGER,
  someone,
  VERIFIERS,
} from '../specWorld.ts'
import {
  approvalDigest,
  approvalsOf,
  approverAddresses,
  boundOf,
  callOf,
  execute,
  executeArguments,
  moving,
  PROPOSAL,
  read,
  selectorOf,
  set,
  signHash,
  trial,
  tryExecute,
  verdictDigest,
  verdictOf,
} from './moduleWorld.ts'

const OTHER: Hex = `0x${'77'.repeat(32)}`
/** The selector of `Reentered()`. */
const REENTERED = selectorOf('Reentered()').slice(2)
const MAGIC = '0x1626ba7e'
const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const verifier = (i: number) => VERIFIERS[i] as LocalAccount
const address = (i: number) => lower(verifier(i).address)
const sign = (world: SpecWorld, i: number, changes = {}) =>
  signHash(verifier(i), verdictDigest(world, verdictOf(world, changes)))

/** A signature of a contract: its address, and the bytes that it takes. */
const byContract = (contract: Hex, bytes: Hex): Hex => concat([contract, bytes])
/** What ERC-1271 asks a contract. */
const question = (digest: Hex, signature: Hex) =>
  encodeFunctionData({ abi: READS_ABI, functionName: 'isValidSignature', args: [digest, signature] })

/** Who signed what, once, for whom, until when. */
export const VERDICT_CASES: readonly SpecCase[] = [
  {
    name: 'the digests are those of EIP-712, whatever is in a verdict',
    async run(world) {
      const calls = [
        callOf(world),
        { to: world.other, value: 3n, data: '0x1234' as Hex },
        { to: world.tokenA, value: 5n, data: '0x' as Hex },
      ]
      const bounds = [
        boundOf(world.tokenA, -5n),
        { kind: 2, target: world.tokenB, id: 9n, limit: 1n },
        { kind: 3, target: world.other, id: 0n, limit: 2n },
      ]
      for (const changes of [
        {},
        { calls, bounds },
        { calls: [], bounds: bounds.slice(0, 1) },
        { calls: calls.slice(0, 2), bounds: [] },
      ]) {
        const message = verdictOf(world, {
          ...changes,
          nonce: 2n ** 200n,
          validUntil: 5n,
          refBlock: 6n,
          executor: STRANGER,
        })
        same(await read(world, 'hashVerdict', [message]), verdictDigest(world, message), 'of a verdict')
        const { nonce } = message
        same(
          await read(world, 'hashApproval', [message.calls, message.bounds, nonce, 8n]),
          approvalDigest(world, message, 8n),
          'of an approval',
        )
      }
    },
  },
  {
    name: 'two of three verifiers suffice, and three; one does not; nobody else counts',
    async run(world) {
      const by = (signers: number[]) => trial(world, {}, { signers })
      for (const signers of [
        [0, 1],
        [0, 2],
        [1, 2],
        [0, 1, 2],
      ])
        same(await by(signers), 'ok', `signed by ${signers}`)
      same(await by([]), 'NotEnoughSignatures(0, 2)', 'nobody')
      for (const i of [0, 1, 2]) {
        same(await by([i]), 'NotEnoughSignatures(1, 2)', 'one')
        same(await by([i, i]), `SignersNotAscending(${address(i)}, ${address(i)})`, 'one twice')
      }
      same(await by([1, 0]), `SignersNotAscending(${address(1)}, ${address(0)})`, 'descending')
      same(await by([0, 2, 1]), `SignersNotAscending(${address(2)}, ${address(1)})`, 'not ascending at the end')
      const stranger = VERIFIERS[3] as LocalAccount
      same(await by([0, 3]), `NotAVerifier(${lower(stranger.address)})`, 'a stranger behind')
      same(await by([0, 1, 3]), `NotAVerifier(${lower(stranger.address)})`, 'a stranger above the threshold')
      // The set without the first, and without one in the middle: then the others are strangers before and between.
      await set(world, 'setVerifiers', [[address(1), address(3)], 2n])
      same(await by([0, 1, 3]), `NotAVerifier(${address(0)})`, 'a stranger before')
      same(await by([1, 2, 3]), `NotAVerifier(${address(2)})`, 'a stranger between')
      same(await by([1, 3]), 'ok', 'the new set')
      await set(world, 'setVerifiers', [[address(2)], 1n])
      same([await by([2]), await by([1])], ['ok', `NotAVerifier(${address(1)})`], 'a single one')
    },
  },
  {
    name: 'a signature is of these contents alone, for this module on this chain',
    async run(world) {
      const signed = (message = verdictOf(world), of: Hex = verdictDigest(world, message)) =>
        Promise.all([0, 1].map(i => signHash(verifier(i), of)))
      const before = await signed()
      for (const changes of [
        { nonce: 8n },
        { calls: [] },
        { calls: [callOf(world), callOf(world)] },
        { bounds: [boundOf(world.tokenB, -1n)] },
        { proposalDigest: OTHER },
        { validUntil: 3_000_000_000n },
        { calls: [callOf(world, { words: [0n, 1n] })] },
        { calls: [callOf(world, { value: 1n })] },
      ]) {
        const outcome = await tryExecute(world, verdictOf(world, changes), { signatures: before })
        same(/^(NotAVerifier|SignersNotAscending)/.test(outcome), true, `${Object.keys(changes)}: ${outcome}`)
      }
      const message = verdictOf(world)
      for (const of of [verdictDigest(world, message, 1), verdictDigest(world, message, 31_337, world.safe)])
        same(
          /^(NotAVerifier|SignersNotAscending)/.test(
            await tryExecute(world, message, { signatures: await signed(message, of) }),
          ),
          true,
          'elsewhere',
        )
    },
  },
  {
    name: 'a signature is 65 canonical bytes of an account, or it is none',
    async run(world) {
      const first = await sign(world, 0)
      const [r, s, v] = [first.slice(2, 66), BigInt(`0x${first.slice(66, 130)}`), Number.parseInt(first.slice(130), 16)]
      const made = (low: bigint, parity: number): Hex =>
        `0x${r}${low.toString(16).padStart(64, '0')}${parity.toString(16).padStart(2, '0')}`
      const second = await sign(world, 1)
      const tried = (signature: Hex, other = second) => trial(world, {}, { signatures: [signature, other] })
      same(await tried(made(s, v)), 'ok', 'as it was signed')
      same(await tried(made(ORDER - s, v === 27 ? 28 : 27)), 'BadSignature(0)', 'its other form')
      same(await tried(made(s, v - 27)), 'BadSignature(0)', 'v of 0 or 1')
      same(await tried('0x'), 'BadSignature(0)', 'no bytes')
      same(await tried(first.slice(0, -2) as Hex), 'BadSignature(0)', '64 bytes')
      same(await trial(world, {}, { signatures: [first, second.slice(0, -2) as Hex] }), 'BadSignature(1)', 'the second')
      // At half the order a signature is still canonical: whoever it is of, it is of somebody.
      same(/^(NotAVerifier|SignersNotAscending)/.test(await tried(made(HALF_ORDER, 27))), true, 'half the order')
      same(await tried(made(HALF_ORDER + 1n, 27)), 'BadSignature(0)', 'above half the order')
    },
  },
  {
    name: 'a contract signs by ERC-1271: its own word, for this digest and these bytes',
    async run(world) {
      const { signer, other } = world
      const set2 = [signer, ...[0, 1].map(address)].sort()
      await set(world, 'setVerifiers', [set2, 2n])
      const digest = verdictDigest(world, verdictOf(world))
      const own: Hex = `0x${'5e'.repeat(46)}`
      const tried = async (signature: Hex) => {
        const both = [
          { of: signer, signature },
          { of: address(0), signature: await sign(world, 0) },
        ]
        both.sort((a, b) => (a.of < b.of ? -1 : 1))
        const outcome = await trial(world, {}, { signatures: both.map(one => one.signature) })
        return outcome.startsWith('BadSignature') ? 'BadSignature' : outcome
      }
      const answers = (answer: Hex, reverts = false) =>
        world.teachBytes(signer, { call: question(digest, own), answer, reverts })
      same(await tried(byContract(signer, own)), 'BadSignature', 'before it was taught')
      await answers(pad(MAGIC, { dir: 'right' }))
      same(await tried(byContract(signer, own)), 'ok', 'its word')
      same(await tried(byContract(signer, `0x${'5f'.repeat(46)}`)), 'BadSignature', 'other bytes')
      same(await tried(byContract(signer, `0x${'5e'.repeat(45)}`)), 'BadSignature', 'too short for a contract')
      same(await tried(byContract(other, own)), 'BadSignature', 'another contract')
      same(await tried(byContract(someone(0x1234), own)), 'BadSignature', 'no contract')
      for (const [answer, what] of [
        [pad('0x01'), 'one'],
        [pad('0xffffffff', { dir: 'right' }), 'another word'],
        [MAGIC, 'four bytes'],
        [concat([pad(MAGIC, { dir: 'right' }), pad('0x00')]), 'two words'],
        [concat([MAGIC, `0x${'00'.repeat(27)}01`]), 'a word that is not all zero behind'],
      ] as [Hex, string][]) {
        await answers(answer)
        same(await tried(byContract(signer, own)), 'BadSignature', what)
      }
      await answers(pad(MAGIC, { dir: 'right' }), true)
      same(await tried(byContract(signer, own)), 'BadSignature', 'a revert with the word')
    },
  },
  {
    name: 'a verdict is for this Safe, its executor, a policy in force, and until its last second',
    async run(world) {
      const at = 1_900_000_000
      same(await trial(world, { safe: STRANGER }), `WrongSafe(${STRANGER})`, 'another Safe')
      same(await trial(world, {}, { from: STRANGER }), `WrongExecutor(${STRANGER}, ${EXECUTOR})`, 'another sender')
      same(await trial(world, { executor: STRANGER }), `WrongExecutor(${EXECUTOR}, ${STRANGER})`, 'another executor')
      const data = world.encode('WarrantModule', 'execute', await executeArguments(world, verdictOf(world)))
      const step = { to: world.address('WarrantModule'), data }
      same(
        (await world.run(world.forwarder, [step], { from: EXECUTOR })).outcome,
        `WrongExecutor(${world.forwarder}, ${EXECUTOR})`,
        'by another',
      )
      same(await trial(world, { validUntil: BigInt(at) }, { at }), 'ok', 'the last second')
      same(
        await trial(world, { validUntil: BigInt(at) }, { at: at + 1 }),
        `Expired(${at}, ${at + 1})`,
        'a second later',
      )
      same(
        await trial(world, { policyDigest: OTHER }),
        `PolicyChanged(${OTHER}, 0x${'ab'.repeat(32)})`,
        'another policy',
      )
      same(await trial(world, { bounds: [] }), 'NoBounds()', 'no bounds')
      same(await trial(world, { calls: [] }), 'ok', 'no calls')
      await world.send('WarrantModule', 'pause', [], { from: GUARDIAN })
      same(await trial(world, {}), 'Paused()', 'paused')
      await set(world, 'resume', [])
      await set(world, 'setPolicy', [OTHER])
      same(await trial(world, {}), `PolicyChanged(0x${'ab'.repeat(32)}, ${OTHER})`, 'a policy that was')
      same(await trial(world, { policyDigest: OTHER }), 'ok', 'a policy that is')
    },
  },
  {
    name: 'a nonce is used once, and no other one with it',
    async run(world) {
      const nonces = [0n, 1n, 127n, 128n, 255n, 256n, 2n ** 255n, 7n, 263n]
      const used = new Set<bigint>()
      for (const nonce of nonces) {
        same(await read(world, 'isNonceUsed', [nonce]), 'false', `${nonce} before`)
        const { outcome, logs } = await execute(world, verdictOf(world, { nonce }))
        const events = logs.filter(log => log.address === world.address('WarrantModule')).map(({ event }) => event)
        same([outcome, events], ['ok', [`Executed(${world.safe}, ${nonce}, ${PROPOSAL})`]], `${nonce}`)
        used.add(nonce)
        same(await trial(world, { nonce }), `NonceUsed(${nonce})`, `${nonce} again`)
        for (const other of [...nonces, 2n, 129n, 383n, 512n])
          if (other === nonce || !used.has(other))
            same(await read(world, 'isNonceUsed', [other]), String(used.has(other)), `${other} after ${nonce}`)
      }
      for (const nonce of nonces) same(await read(world, 'isNonceUsed', [nonce]), 'true', `${nonce} in the end`)
    },
  },
  {
    name: 'nobody gets in again while a verdict executes; two may, one after the other',
    async run(world) {
      const module = world.address('WarrantModule')
      const executor = world.forwarder
      const encoded = async (nonce: bigint, changes = {}) =>
        world.encode(
          'WarrantModule',
          'execute',
          await executeArguments(world, verdictOf(world, { nonce, executor, ...changes })),
        )
      const inner = { to: module, data: await encoded(1n) }
      const viaExecutor = { to: executor, data: perform([inner]) }
      const outer = { to: module, data: await encoded(2n, { calls: [callOf(world, { steps: [viaExecutor] })] }) }
      const reentered = await world.run(executor, [outer])
      same(reentered.outcome.startsWith('CallFailed(0, 0x'), true, `again within: ${reentered.outcome}`)
      same(reentered.outcome.includes(REENTERED), true, `again within: ${reentered.outcome}`)
      const two = [
        { to: module, data: await encoded(3n) },
        { to: module, data: await encoded(4n) },
      ]
      same((await world.run(executor, two)).outcome, 'ok', 'one after the other')
    },
  },
]

/** What approvers must sign: exactly what is executed, once. They are asked where an asset has a limit for them. */
export const APPROVAL_CASES: readonly SpecCase[] = [
  {
    name: 'approvers sign these calls, bounds and this nonce, as many as the owners want, until a time',
    async run(world) {
      const { tokenA } = world
      await set(world, 'setApprovers', [approverAddresses(3), 2n])
      await set(world, 'setApprovalLimit', [tokenA, 100n, 60], { at: 1_800_000_000 })
      const message = verdictOf(world, { calls: [moving(world, [tokenA, 899n])], bounds: [boundOf(tokenA, -101n)] })
      const tried = (approvals: { validUntil: bigint; signatures: readonly Hex[] }, changes = {}, at = 1_800_000_060) =>
        tryExecute(world, { ...message, ...changes }, { approvals, at })
      const none = { validUntil: 0n, signatures: [] }
      const needed = `ApprovalNeeded(${tokenA}, 101, 100)`
      same(await tried(none), needed, 'none')
      const good = await approvalsOf(world, message)
      same(await tried(good), 'ok', 'two')
      same(await tried(await approvalsOf(world, message, { approvers: [0, 1, 2] })), 'ok', 'three')
      same(await tried(await approvalsOf(world, message, { approvers: [1] })), needed, 'one')
      same(await tried(await approvalsOf(world, message, { approvers: [1, 1] })), ascendingError(1, 1), 'one twice')
      same(await tried(await approvalsOf(world, message, { approvers: [1, 0] })), ascendingError(1, 0), 'descending')
      same(
        await tried(await approvalsOf(world, message, { approvers: [0, 2, 1] })),
        ascendingError(2, 1),
        'not ascending',
      )
      const stranger = await signHash(verifier(0), approvalDigest(world, message, good.validUntil))
      for (const signatures of [
        [stranger, ...good.signatures],
        [...good.signatures, stranger],
      ])
        same(/^(NotAnApprover|SignersNotAscending)/.test(await tried({ ...good, signatures })), true, 'a stranger')
      same(await tried({ ...good, signatures: [stranger] }), `NotAnApprover(${address(0)})`, 'a stranger alone')
      same(await tried({ ...good, signatures: ['0x12'] }), 'BadSignature(0)', 'no signature')
      const until = await approvalsOf(world, message, { validUntil: 1_800_000_060n })
      same(await tried(until), 'ok', 'the last second')
      same(await tried(until, {}, 1_800_000_061), 'ApprovalExpired(1800000060, 1800000061)', 'a second later')
      for (const changes of [
        { nonce: 9n },
        { bounds: [boundOf(tokenA, -102n)] },
        { calls: [moving(world, [tokenA, 898n])] },
      ])
        same(
          /^(NotAnApprover|SignersNotAscending)/.test(await tried(good, changes)),
          true,
          `other ${Object.keys(changes)}`,
        )
      same(
        /^(NotAnApprover|SignersNotAscending)/.test(await tried({ ...good, validUntil: good.validUntil + 1n })),
        true,
        'another time',
      )
      await set(world, 'setApprovers', [approverAddresses(3), 0n])
      same(await tried(good), needed, 'approvers without a threshold have nothing to say')
    },
  },
]

const ascendingError = (i: number, j: number) => `SignersNotAscending(${approver(i)}, ${approver(j)})`
const approver = (i: number) => lower((APPROVERS[i] as LocalAccount).address)

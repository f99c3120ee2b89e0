import { privateKeyToAccount } from 'viem/accounts'
import { describe, expect, test } from 'vitest'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { approvalHash } from '#verifier/evidence/approvalTypes.ts'
import { toHex } from '#verifier/evidence/bytes.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { Approval } from '#verifier/evidence/records/approval.ts'
import { handoverBytes } from '#verifier/evidence/records/handover.ts'
import { createFrontier } from '#verifier/log/frontier.ts'
import { formatVkey, noteKey } from '#verifier/log/signedNote.ts'
import { recordWorld } from '../../../test/support/recordWorld.ts'
import { checkApproval } from './approval.ts'
import { checkClose } from './close.ts'
import { checkHandover } from './handover.ts'
import { checkIncident } from './incident.ts'
import { checkOutcome } from './outcome.ts'
import { checkRun } from './run.ts'
import { checkSeal } from './seal.ts'
import { checkSubmission } from './submission.ts'
import { checkPlace } from './verdict.ts'

// Each rule at its edge: one record, what it is held against, and what is said.
const leaf = (n: number) => n.toString(16).padStart(64, '0')
const NO_HASH = `0x${'00'.repeat(32)}`
const account = privateKeyToAccount(`0x${'51'.repeat(32)}`)

describe('an outcome', () => {
  const settle = async (changes: object = {}, before: { twice?: boolean; success?: boolean } = {}) => {
    const made = recordWorld()
    const raw = await account.signTransaction({ chainId: 1, gas: 100n, to: account.address, type: 'eip1559' })
    made.put(leaf(1), 'verdict', { refBlock: 7 })
    made.put(leaf(2), 'verdict', { refBlock: 9 })
    const submission = { proposal: leaf(5), transactionHash: '0xaa', verdicts: [leaf(1), leaf(2)], rawTransaction: raw }
    made.put(leaf(3), 'submission', submission)
    made.put(leaf(4), 'submission', submission)
    for (const open of [leaf(3), leaf(4)])
      made.state.openSubmissions.set(open, made.record('submission', { proposal: leaf(5) }))
    made.state.openSubmissions.set(leaf(6), made.record('submission', { proposal: leaf(66) }))
    const body = {
      ...{ submission: leaf(3), proposal: leaf(5), transactionHash: '0xaa', status: 'success', blockNumber: 10 },
      ...{ blockHash: `0x${'22'.repeat(32)}`, gasUsed: '100', signer: '0x00', signature: '0x' },
      ...changes,
    }
    const tell = async (more: object = {}) => {
      made.said.length = 0
      await checkOutcome(made.record('outcome', { ...body, ...more }), made.context(leaf(9)))
    }
    if (before.twice) await tell()
    if (before.success) await tell({ submission: leaf(4) })
    await tell()
    return { ...made, said: made.said.filter(text => !text.startsWith('R53')) }
  }
  test('is of an earlier submission, and ends all that are open of its proposal', async () => {
    const made = await settle()
    expect(made.said).toEqual([])
    expect([...made.state.openSubmissions.keys()]).toEqual([leaf(6)])
    expect((await settle({ submission: leaf(8) })).said).toEqual([
      'R52 body.submission is no earlier submission of this run',
    ])
    expect((await settle({ proposal: leaf(7) })).said).toEqual([`R52 body.proposal is ${leaf(7)}, expected ${leaf(5)}`])
    expect((await settle({ transactionHash: '0xbb' })).said).toEqual([
      'R52 body.transactionHash is 0xbb, expected 0xaa',
    ])
  })
  test('is the only one of its submission, and a proposal succeeds once', async () => {
    expect((await settle({}, { twice: true })).said).toEqual(['R54 body.submission has an outcome already'])
    expect((await settle({}, { success: true })).said).toEqual(['R54 body.status is a second success of its proposal'])
    expect((await settle({ status: 'reverted' }, { success: true })).said).toEqual([])
  })
  test('is of a block behind every one that it was judged on, and within its gas', async () => {
    expect((await settle({ blockNumber: 9 })).said).toEqual(['R55 body.blockNumber is 9, judged on block 9'])
    expect((await settle({ blockHash: NO_HASH })).said).toEqual(['R55 body.blockHash is no hash of a block'])
    expect((await settle({ gasUsed: '101' })).said).toEqual(['R56 body.gasUsed is 101, the transaction allows 100'])
  })
})

describe('a submission', () => {
  const fees = { maxFeePerGas: 10n, maxPriorityFeePerGas: 5n }
  const transaction = { chainId: 1, nonce: 4, gas: 100n, to: account.address, value: 1n, data: '0x12' as const }
  const submit = async (
    first: object | null,
    second: object,
    { replaces = true, scope = 'log' as 'log' | 'excerpt', proposal = leaf(5) } = {},
  ) => {
    const made = recordWorld({ keys: { executor: account.address.toLowerCase() } })
    made.scope = scope
    const raw = (changes: object) => account.signTransaction({ type: 'eip1559', ...transaction, ...fees, ...changes })
    if (first !== null) {
      const body = { proposal: leaf(5), rawTransaction: await raw(first) }
      made.put(leaf(3), 'submission', body)
      made.state.openSubmissions.set(leaf(3), made.record('submission', body))
    }
    const body = {
      ...{ proposal, verdicts: [], rawTransaction: await raw(second), transactionHash: '0x', accountNonce: 4 },
      ...{ from: account.address.toLowerCase(), ...(replaces ? { replaces: leaf(3) } : {}) },
    }
    await checkSubmission(made.record('submission', body), made.context(leaf(9)))
    return { ...made, said: made.said.filter(text => text.startsWith('R51')) }
  }
  const more = { maxFeePerGas: 11n, maxPriorityFeePerGas: 6n }
  const differs = ['R51 body.replaces differs by more than higher fees']
  test('that takes another’s place pays more, and differs in nothing else', async () => {
    expect((await submit({}, more)).said).toEqual([])
    expect((await submit({}, { ...more, maxFeePerGas: 10n })).said).toEqual(differs)
    expect((await submit({}, { ...more, maxPriorityFeePerGas: 5n })).said).toEqual(differs)
    for (const change of [{ nonce: 5 }, { gas: 99n }, { value: 2n }, { data: '0x13' }, { chainId: 2 }])
      expect((await submit({}, { ...more, ...change })).said).toEqual(differs)
    expect((await submit({}, { ...more, to: `0x${'12'.repeat(20)}` })).said).toEqual(differs)
    expect((await submit(null, more)).said).toEqual(['R51 body.replaces is no earlier submission of this proposal'])
    expect((await submit({}, more, { proposal: leaf(6) })).said).toEqual([
      'R51 body.replaces is no earlier submission of this proposal',
    ])
  })
  test('says whose place it takes while another of its proposal is open', async () => {
    const silent = { replaces: false }
    expect((await submit({}, more, silent)).said).toEqual([
      `R51 body.replaces is missing, while submission ${leaf(3).slice(0, 12)}… of this proposal is open`,
    ])
    expect((await submit({}, more, { ...silent, scope: 'excerpt' })).said).toEqual([])
    expect((await submit({}, more, { ...silent, proposal: leaf(6) })).said).toEqual([])
    expect((await submit(null, more, silent)).said).toEqual([])
    const made = await submit(null, more, silent)
    expect([...made.state.openSubmissions.keys()]).toEqual([leaf(9)])
  })
})

describe('a close', () => {
  const close = (changes: object = {}, prepare: (made: ReturnType<typeof recordWorld>) => void = () => {}) => {
    const made = recordWorld()
    made.state.decisions = 2
    made.state.nextNumber.set('agent', 3).set('another', 4)
    prepare(made)
    checkClose(made.record('close', { decisions: 2, requests: 7, ...changes }), made.context(leaf(9)))
    return made
  }
  test('counts, and leaves nothing open', () => {
    expect(close().said).toEqual([])
    expect(close().state.closed).toBe(true)
    expect(close({ decisions: 3 }).said).toEqual(['R59 body.decisions is 3, expected 2'])
    expect(close({ requests: 6 }).said).toEqual(['R59 body.requests is 6, expected 7'])
    const short = `${leaf(1).slice(0, 12)}…`
    expect(
      close({}, ({ state, record }) => state.openRequests.set(leaf(1), record('request', { number: 6 }))).said,
    ).toEqual([`R60 body request 6 (${short}) never got a terminal state`])
    expect(close({}, ({ state }) => state.openDecisions.add(leaf(1))).said).toEqual([
      `R60 body decision ${short} has intents and no end on record`,
    ])
    expect(close({}, ({ state }) => state.openProposals.add(leaf(1))).said).toEqual([
      `R60 body proposal ${short} has no end on record`,
    ])
    expect(close({}, ({ state, record }) => state.openSubmissions.set(leaf(1), record('submission', {}))).said).toEqual(
      [`R60 body submission ${short} has no end on record`],
    )
    expect(close({}, ({ state }) => state.unsealed.push(new Uint8Array(32))).said).toEqual([
      'R61 body 1 answers with a trace were never sealed',
    ])
  })
  test('of an excerpt counts nothing', () => {
    const made = recordWorld()
    made.scope = 'excerpt'
    made.state.openDecisions.add(leaf(1))
    checkClose(made.record('close', { decisions: 9, requests: 9 }), made.context(leaf(9)))
    expect([made.said, made.state.closed]).toEqual([[], true])
  })
})

describe('a seal', () => {
  const root = (...leaves: Uint8Array[]) => {
    const frontier = createFrontier(nodeCrypto)
    for (const one of leaves) frontier.append(one)
    return toHex(frontier.root())
  }
  const [one, two] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
  const seal = (leaves: Uint8Array[], changes: object = {}, scope: 'log' | 'excerpt' = 'log') => {
    const made = recordWorld()
    made.scope = scope
    made.state.epoch = 4
    made.state.unsealed = leaves
    const body = { epoch: 4, receipts: leaves.length, receiptsRoot: leaves.length > 0 ? root(...leaves) : 'none' }
    checkSeal(made.record('seal', { ...body, ...changes }), made.context(leaf(9)))
    return made
  }
  test('commits to all answers with a trace since the last, in order, and to one at least', () => {
    const made = seal([one, two])
    expect([made.said, made.state.unsealed, made.state.epoch]).toEqual([[], [], 5])
    expect(seal([one, two], { epoch: 5 }).said).toEqual(['R58 body.epoch is 5, expected 4'])
    expect(seal([one, two], { receipts: 1 }).said).toEqual(['R58 body.receipts is 1, expected 2'])
    expect(seal([one, two], { receiptsRoot: root(two, one) }).said).toHaveLength(1)
    expect(seal([]).said).toEqual(['R58 body.receipts commits to no answer'])
    const excerpt = seal([one], { epoch: 9 }, 'excerpt')
    expect([excerpt.said, excerpt.state.unsealed]).toEqual([[], []])
  })
})

describe('an incident', () => {
  const incident = (body: object, parents: string[] = []) => {
    const made = recordWorld({ keys: { workers: [{ id: 'worker-1' }] } })
    made.state.openDecisions.add(leaf(1)).add(leaf(2))
    made.state.openProposals.add(leaf(1)).add(leaf(2))
    for (const open of [leaf(1), leaf(2)]) made.state.openSubmissions.set(open, made.record('submission', {}))
    checkIncident({ ...made.record('incident', { evidence: null, ...body }), parents }, made.context(leaf(9)))
    return made
  }
  const evidence = { sha256: 'aa'.repeat(32), size: 5 }
  test('ends what it names, and nothing else', () => {
    const { state, said } = incident({}, [leaf(1)])
    expect(said).toEqual([])
    expect([[...state.openDecisions], [...state.openProposals], [...state.openSubmissions.keys()]]).toEqual([
      [leaf(2)],
      [leaf(2)],
      [leaf(2)],
    ])
  })
  test('accuses a worker of the run by what it signed', () => {
    const accused = incident({ accuses: 'worker-1', evidence })
    expect([accused.said, accused.named]).toEqual([[], [[evidence, 'body.evidence']]])
    expect(incident({ accuses: 'worker-2', evidence }).said).toEqual([
      'R62 body.accuses worker-2 is no worker of the run',
    ])
    expect(incident({ accuses: 'worker-1' }).said).toEqual([
      'R62 body.evidence names no payload with what the worker signed',
    ])
  })
})

describe('a run', () => {
  const start = (changes: object, { scope = 'log' as 'log' | 'excerpt', inForce = null as string | null } = {}) => {
    const made = recordWorld()
    made.scope = scope
    if (inForce !== null) made.known.logKeys.push({ vkey: inForce, where: 'entry 0', rule: 'R64' })
    const keys = { log: 'log', workers: [{ id: 'a' }, { id: 'b' }], verifiers: ['0x1', '0x2'], executor: '0x3' }
    const body = {
      ...{ mode: 'gateway', strategy: null, previous: null, models: [{ name: 'm' }, { name: 'o' }] },
      ...{ policy: { digest: '', document: { chainId: 1, safe: 's', module: 'm' } } },
      ...{ chain: { chainId: 1, safe: 's', module: 'm' }, keys },
    }
    checkRun(
      made.record('run', { ...body, ...changes, keys: { ...keys, ...(changes as { keys?: object }).keys } }),
      made.context(leaf(9)),
    )
    return { ...made, said: made.said.filter(text => !text.startsWith('R9')) }
  }
  test('names each model, worker and verifier once, and an executor that is none of these', () => {
    expect(start({}).said).toEqual([])
    expect(start({ models: [{ name: 'm' }, { name: 'o' }, { name: 'm' }] }).said).toEqual([
      'R11 body.models names m twice',
    ])
    expect(start({ keys: { workers: [{ id: 'a' }, { id: 'a' }] } }).said).toEqual([
      'R11 body.keys.workers names a twice',
    ])
    expect(start({ keys: { verifiers: ['0x2', '0x2'] } }).said).toEqual(['R11 body.keys names 0x2 twice'])
    expect(start({ keys: { executor: '0x2' } }).said).toEqual(['R11 body.keys names 0x2 twice'])
    expect(start({ keys: { executor: null } }).said).toEqual([])
  })
  test('has a strategy unless it is a gateway’s, follows the last, and is of its policy’s treasury and log', () => {
    const missing = "R10 body.strategy is missing, which only a gateway's own run allows"
    expect(start({ mode: 'live' }).said).toEqual([missing])
    const file = { sha256: 'bb'.repeat(32), size: 1 }
    const strategy = { params: '{}', paramsDigest: 'x', bundle: file }
    const made = start({
      mode: 'live',
      strategy,
      models: [
        { name: 'm', file },
        { name: 'o', file: null },
      ],
    })
    expect(made.said.map(text => text.split(' ').slice(0, 2).join(' '))).toEqual(['R10 body.strategy.paramsDigest'])
    expect(made.named).toEqual([
      [file, 'body.strategy.bundle'],
      [file, 'body.models.0.file'],
    ])
    expect(start({ previous: leaf(1) }).said).toEqual([`R12 body.previous is ${leaf(1)}, expected null`])
    expect(start({ previous: leaf(1) }, { scope: 'excerpt' }).said).toEqual([])
    expect(start({ chain: { chainId: 2, safe: 'x', module: 'y' } }).said).toEqual([
      'R13 body.chain.chainId is 2, expected 1',
      'R13 body.chain.safe is x, expected s',
      'R13 body.chain.module is y, expected m',
    ])
    expect(start({ chain: null }).said).toEqual([])
    expect(start({}).known.logKeys).toEqual([{ vkey: 'log', where: 'entry 0 (run) body.keys.log', rule: 'R14' }])
    expect(start({}, { inForce: 'log' }).known.logKeys).toHaveLength(1)
    expect(start({}, { inForce: 'log' }).said).toEqual([])
    expect(start({}, { inForce: 'another' }).said).toEqual(['R14 body.keys.log is log, expected another'])
  })
})

describe('the place of a verdict', () => {
  const place = (verdict: { checkpointSize: number; previous: string | null }, proposal: number | null = 3) => {
    const made = recordWorld()
    const before = [
      { index: 4, leaf: leaf(4) },
      { index: 6, leaf: leaf(6) },
    ]
    checkPlace(verdict, { index: 8, before, proposal }, made.context(leaf(9)).fail)
    return made.said
  }
  test('is behind its proposal, and it names the signer’s last before its checkpoint', () => {
    expect(place({ checkpointSize: 8, previous: leaf(6) })).toEqual([])
    expect(place({ checkpointSize: 7, previous: leaf(6) })).toEqual([])
    expect(place({ checkpointSize: 6, previous: leaf(4) })).toEqual([])
    expect(place({ checkpointSize: 6, previous: leaf(6) })).toEqual([
      `R44 body.previous is ${leaf(6)}, expected ${leaf(4)}`,
    ])
    expect(place({ checkpointSize: 4, previous: null })).toEqual([])
    expect(place({ checkpointSize: 9, previous: leaf(6) })).toEqual(['R45 body.checkpointSize is 9, the entry is 8'])
    expect(place({ checkpointSize: 3, previous: null })).toEqual([
      'R45 body.checkpointSize is 3, the proposal is entry 3',
    ])
    expect(place({ checkpointSize: 3, previous: null }, null)).toEqual([])
  })
})

describe('an approval', () => {
  const proposal = {
    ...{ chainId: 1, module: `0x${'0a'.repeat(20)}`, safe: `0x${'0b'.repeat(20)}`, nonce: '7', validUntil: 9 },
    ...{ calls: [], bounds: [], agent: 'agent', decision: leaf(2), policyDigest: '', executor: '', signature: '' },
  }
  const approve = async (changes: object = {}, signed: object = {}, twice = false) => {
    const made = recordWorld()
    made.put(leaf(1), 'proposal', proposal)
    const unsigned = {
      ...{ proposal: leaf(1), proposalDigest: proposalDigest(proposal as never), answer: 'approve' as const },
      ...{ reason: null, ...signed },
    }
    const hash = approvalHash(proposal as never, unsigned as Omit<Approval, 'signer' | 'signature'>)
    const body = {
      ...unsigned,
      signer: account.address.toLowerCase(),
      signature: await account.sign({ hash }),
      ...changes,
    }
    if (twice) await checkApproval(made.record('approval', body), made.context(leaf(8)))
    await checkApproval(made.record('approval', body), made.context(leaf(9)))
    return made
  }
  test('is its signer’s, of an earlier proposal, once', async () => {
    const made = await approve()
    expect([made.said, made.known.approvals.length]).toEqual([[], 1])
    expect((await approve({}, { answer: 'reject', reason: 'no' })).said).toEqual([])
    expect((await approve({ answer: 'reject' })).said).toEqual(['R37 body.signature is not that of its signer'])
    expect((await approve({ proposal: leaf(5) })).said).toEqual([
      'R36 body.proposal is no earlier proposal of this run',
    ])
    expect((await approve({ proposalDigest: 'x' })).said[0]).toContain('R36 body.proposalDigest is x, expected ')
    expect((await approve({ signer: `0x${'0c'.repeat(20)}` })).said).toEqual([
      'R37 body.signature is not that of its signer',
    ])
    expect((await approve({ signature: '0x1234' })).said).toEqual(['R37 body.signature is not that of its signer'])
    expect((await approve({}, {}, true)).said).toEqual([
      `R38 body.signer ${account.address.toLowerCase()} has answered this proposal before`,
    ])
  })
  test('of a contract is the contract’s word: who else names it is refused', async () => {
    const contract = `0x${'0d'.repeat(20)}`
    const signature = `${contract}${'ee'.repeat(60)}`
    expect((await approve({ signer: contract, signature })).said).toEqual([])
    expect((await approve({ signature })).said).toEqual(['R37 body.signature is not that of its signer'])
  })
})

describe('a handover', () => {
  const signer = (n: number, name = 'log') => {
    const key = ed25519Signer(new Uint8Array(32).fill(n))
    return { ...key, vkey: formatVkey(noteKey(nodeCrypto, name, key.publicKey)) }
  }
  const [old, next] = [signer(1), signer(2)]
  const root = new Uint8Array(32).fill(7)
  type Changes = { body?: object; record?: object; inForce?: string; root?: Uint8Array | null; to?: typeof next }
  const hand = ({ body = {}, record = {}, inForce = old.vkey, to = next, ...given }: Changes = {}) => {
    const made = recordWorld()
    if (inForce !== '') made.known.logKeys.push({ vkey: inForce, where: 'entry 0', rule: 'R14' })
    const unsigned = { from: old.vkey, to: to.vkey, size: 4, root: toHex(root), ...body }
    const bytes = handoverBytes(unsigned)
    const signatures = { from: toHex(old.sign(bytes)), to: toHex(to.sign(bytes)) }
    const whole = { ...made.record('handover', { ...unsigned, signatures, ...body }), ...record }
    const { crypto, known, fail } = made.context(leaf(9))
    checkHandover(whole, {
      crypto,
      known,
      fail,
      index: 4,
      root: given.root === undefined ? root : given.root,
      where: 'entry 4',
    })
    return made
  }
  test('is from the key in force to another of the same log, signed by both, over all that stands before it', () => {
    const made = hand()
    expect(made.said).toEqual([])
    expect(made.known.logKeys.at(-1)).toEqual({ vkey: next.vkey, where: 'entry 4 (handover) body.to', rule: 'R64' })
    expect(hand({ inForce: '' }).said).toEqual([])
    expect(hand({ inForce: next.vkey }).said).toEqual([`R64 body.from is ${old.vkey}, expected ${next.vkey}`])
    expect(hand({ body: { size: 5 } }).said).toEqual(['R64 body.size is 5, expected 4'])
    expect(hand({ body: { root: 'aa'.repeat(32) } }).said).toEqual([
      `R64 body.root is ${'aa'.repeat(32)}, expected ${toHex(root)}`,
    ])
    expect(hand({ body: { root: 'aa'.repeat(32) }, root: null }).said).toEqual([])
    expect(hand({ to: old }).said).toEqual(['R64 body.to is not another key of the same log'])
    expect(hand({ to: signer(2, 'another-log') }).said).toEqual(['R64 body.to is not another key of the same log'])
    expect(hand({ body: { from: 'x' } }).said).toContain('R64 body.from is no log key')
    expect(hand({ body: { to: 'x' } }).said).toEqual(['R64 body.to is no log key'])
    const forged = (changes: object) => ({
      body: { signatures: { from: '00'.repeat(64), to: '00'.repeat(64), ...changes } },
    })
    expect(hand(forged({})).said).toEqual([
      `R64 body.signatures.from is not that of ${old.vkey}`,
      `R64 body.signatures.to is not that of ${next.vkey}`,
    ])
  })
  test('is no record of a run', () => {
    const own = ['R64 seq a handover is no record of a run: its number is 0, and it has no parents']
    for (const record of [{ seq: 1 }, { parents: [leaf(1)] }, { signature: 'x' }])
      expect(hand({ record }).said).toEqual(own)
  })
})

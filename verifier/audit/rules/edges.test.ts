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
import { checkDecision } from './decision.ts'
import { checkFill } from './fill.ts'
import { checkHandover } from './handover.ts'
import { checkIncident } from './incident.ts'
import { checkObservation } from './observation.ts'
import { checkOutcome } from './outcome.ts'
import { checkRequest } from './request.ts'
import { checkRun } from './run.ts'
import { checkSeal } from './seal.ts'
import { checkSubmission } from './submission.ts'
import { BACKWARD_MS, CLOCK_SET_BACK, checkTime } from './time.ts'
import { checkPlace } from './verdict.ts'

// Each rule at its edge: one record, what it is held against, and what is said.
const leaf = (n: number) => n.toString(16).padStart(64, '0')
const NO_HASH = `0x${'00'.repeat(32)}`
const account = privateKeyToAccount(`0x${'51'.repeat(32)}`)

describe('a decision', () => {
  const world = () => {
    const made = recordWorld()
    made.put(leaf(1), 'observation', { view: { tick: 3 } })
    made.put(leaf(2), 'request', { tick: 3, agent: 'agent', inputDigest: 'in', input: { type: 'tensor' } })
    made.put(leaf(3), 'response', { request: leaf(2) })
    made.state.nextTick.set('agent', 3)
    return made
  }
  const observed = { door: 'observe', asked: leaf(1), answer: leaf(1) }
  const inferred = { door: 'infer', asked: 'in', answer: leaf(3) }
  const body = (changes: object = {}) => ({
    ...{ agent: 'agent', tick: 3, observation: leaf(1), strategy: 'strategy', params: 'params' },
    ...{ doors: [observed, inferred], result: { type: 'intents' } },
    ...changes,
  })
  const asked = (n: number, response: number | null, question: object = {}, failed = false) => ({
    leaf: leaf(100 + n),
    request: { body: { number: n, model: 'm', numeric: 'n', inputDigest: `in ${n}`, ...question } },
    ...{ response: response === null ? null : leaf(response), failed },
  })
  const decide = (changes: object = {}, before: unknown[] = [], scope: 'log' | 'excerpt' = 'log') => {
    const made = world()
    made.scope = scope
    if (before.length > 0) made.state.asked.set(3, before as never)
    checkDecision(made.record('decision', body(changes)), made.context(leaf(9)))
    return made
  }

  test('that holds is open until it is proposed or filled', () => {
    const made = decide()
    expect(made.said).toEqual([])
    expect([...made.state.openDecisions]).toEqual([leaf(9)])
    expect([made.state.decisions, made.state.nextTick.get('agent')]).toEqual([1, 4])
    expect([...decide({ result: { type: 'hold' } }).state.openDecisions]).toEqual([])
  })

  test('is the next tick of the run’s agent, with its strategy', () => {
    expect(decide({ tick: 4 }).said).toContain('R28 body.tick is 4, expected 3')
    expect(decide({ tick: 4 }, [], 'excerpt').said.join()).not.toContain('R28')
    expect(decide({ agent: 'another' }).said).toContain('R28 body.agent is another, expected agent')
    expect(decide({ strategy: 'x' }).said).toEqual(['R29 body.strategy is x, expected strategy'])
    expect(decide({ params: 'x' }).said).toEqual(['R29 body.params is x, expected params'])
  })

  test('is of the observation of its tick and run, without which a tick is missed', () => {
    expect(decide({ observation: leaf(7), doors: [] }).said).toEqual([
      'R30 body.observation is not the observation of this tick',
    ])
    const other = world()
    other.put(leaf(1), 'observation', { view: { tick: 3 } }, 'another run')
    checkDecision(other.record('decision', body()), other.context(leaf(9)))
    expect(other.said).toEqual(['R30 body.observation is not the observation of this tick'])
    const none = { observation: null, doors: [] }
    expect(decide(none).said).toEqual(['R30 body.observation is missing, which only a missed tick allows'])
    expect(decide({ ...none, result: { type: 'missed' } }).said).toEqual([])
  })

  test('went through doors as they are on record', () => {
    const said = (door: object) => decide({ doors: [door] }).said
    expect(said({ ...observed, answer: leaf(8) })).toEqual([
      `R31 body.doors.0 ${leaf(8)} is not the observation of this tick`,
    ])
    expect(said({ ...observed, asked: 'x' })).toEqual([`R31 body.doors.0.asked is x, expected ${leaf(1)}`])
    expect(said({ ...inferred, asked: 'x' })).toEqual(['R31 body.doors.0.asked is x, expected in'])
    expect(said({ ...inferred, door: 'chat' })).toEqual(['R31 body.doors.0.door is chat, expected infer'])
    expect(said({ ...inferred, answer: leaf(2) })).toEqual([
      `R31 body.doors.0 ${leaf(2)} is no earlier answer of this tick`,
    ])
    for (const change of [{ tick: 2 }, { agent: 'another' }]) {
      const made = world()
      made.put(leaf(2), 'request', {
        ...{ tick: 3, agent: 'agent', inputDigest: 'in', input: { type: 'tensor' } },
        ...change,
      })
      checkDecision(made.record('decision', body()), made.context(leaf(9)))
      expect(made.said).toEqual([`R31 body.doors.1 ${leaf(3)} is no earlier answer of this tick`])
    }
    const chat = world()
    chat.put(leaf(2), 'request', { tick: 3, agent: 'agent', inputDigest: 'in', input: { type: 'chat' } })
    checkDecision(chat.record('decision', body({ doors: [{ ...inferred, door: 'chat' }] })), chat.context(leaf(9)))
    expect(chat.said).toEqual([])
  })

  test('leaves out no answer, and gives them in order', () => {
    expect(decide({}, [asked(5, 3)]).said).toEqual([])
    expect(decide({ doors: [observed] }, [asked(5, 3)]).said).toEqual([
      'R31 body.doors leave out, or give in another order, the answer to request 5',
    ])
    const two = [asked(5, 3), asked(6, 30)]
    const made = (doors: object[]) => {
      const at = world()
      at.put(leaf(30), 'response', { request: leaf(2) })
      at.state.asked.set(3, two as never)
      checkDecision(at.record('decision', body({ doors })), at.context(leaf(9)))
      return at
    }
    const second = { ...inferred, answer: leaf(30) }
    expect(made([inferred, second]).said).toEqual([])
    expect(made([inferred, inferred, second, inferred]).said).toEqual([])
    expect(made([second, inferred]).said).toEqual([
      'R31 body.doors leave out, or give in another order, the answer to request 5',
    ])
    expect(made([inferred]).said).toEqual([
      'R31 body.doors leave out, or give in another order, the answer to request 6',
    ])
    expect(made([inferred, second]).state.asked.has(3)).toBe(false)
    expect(decide({ doors: [observed] }, [asked(5, 3)], 'excerpt').said).toEqual([])
  })

  test('waits for every answer, unless its tick is missed', () => {
    expect(decide({}, [asked(5, 3), asked(6, null)]).said).toEqual([
      'R31 body.doors request 6 of this tick has no answer yet',
    ])
    expect(decide({ result: { type: 'missed' } }, [asked(5, 3), asked(6, null)]).said).toEqual([])
  })

  test('asks nothing again that was answered, and what failed as often as it must', () => {
    const again = { inputDigest: 'the same' }
    const answered = (all: ReturnType<typeof asked>[]) => {
      const doors = all.flatMap(({ response }) => (response === null ? [] : [{ ...inferred, answer: response }]))
      const made = world()
      for (const { answer } of doors) made.put(answer, 'response', { request: leaf(2) })
      made.state.asked.set(3, all as never)
      checkDecision(made.record('decision', body({ doors })), made.context(leaf(9)))
      return made.said
    }
    const reRoll = (n: number) => [`R32 body.doors request ${n} asks again what was answered: a re-roll`]
    expect(answered([asked(5, 31, again), asked(6, 32, again)])).toEqual(reRoll(6))
    expect(answered([asked(5, 31, again), asked(6, 32), asked(7, 33, again)])).toEqual(reRoll(7))
    expect(answered([asked(4, 30), asked(5, 31, again), asked(6, 32, again)])).toEqual(reRoll(6))
    expect(answered([asked(5, 31, again, true), asked(6, 32, again, true), asked(7, 33, again)])).toEqual([])
    expect(answered([asked(5, 31, again), asked(6, 32, { ...again, model: 'other' })])).toEqual([])
    expect(answered([asked(5, 31, again), asked(6, 32, { ...again, numeric: 'other' })])).toEqual([])
  })
})

describe('a fill', () => {
  const fill = (result: string, changes: { run?: string; chain?: object | null; twice?: boolean } = {}) => {
    const made = recordWorld({ chain: changes.chain ?? null })
    made.put(leaf(1), 'decision', { result: { type: result } }, changes.run)
    made.state.openDecisions.add(leaf(1))
    const record = made.record('fill', { decision: leaf(1) })
    if (changes.twice) checkFill(record, made.context(leaf(8)))
    checkFill(record, made.context(leaf(9)))
    return made
  }
  test('is of a decision with intents of its own run, once, where there is no chain', () => {
    expect(fill('intents').said).toEqual([])
    expect(fill('intents').state.openDecisions.size).toBe(0)
    expect(fill('hold').said).toEqual(['R57 body.decision is no earlier decision with intents'])
    expect(fill('intents', { run: 'another' }).said).toEqual(['R57 body.decision is of another run'])
    expect(fill('intents', { twice: true }).said).toEqual(['R57 body.decision was filled before'])
    expect(fill('intents', { chain: {} }).said).toEqual(['R57 body stands in a run that has a chain'])
  })
})

describe('a request', () => {
  const ask = (changes: object = {}, run: object = {}, observationRun?: string) => {
    const made = recordWorld(run)
    made.put(leaf(1), 'observation', { view: { tick: 3 } }, observationRun)
    made.state.nextNumber.set('agent', 5)
    const body = { agent: 'agent', number: 5, tick: 3, observation: leaf(1), model: 'm', numeric: 'n', ...changes }
    checkRequest(made.record('request', { ...body, input: {}, inputDigest: 'x' }), made.context(leaf(9)))
    // What is asked is digested elsewhere.
    return { ...made, said: made.said.filter(text => !text.startsWith('R19')) }
  }
  test('is the next of its agent, about what the run saw at its tick, of a model of the run', () => {
    const made = ask()
    expect(made.said).toEqual([])
    expect([...made.state.openRequests.keys()]).toEqual([leaf(9)])
    expect(made.state.asked.get(3)).toMatchObject([{ leaf: leaf(9), response: null, failed: false }])
    expect(made.state.nextNumber.get('agent')).toBe(6)
    expect(ask({ number: 6 }).said).toEqual(['R18 body.number is 6, expected 5'])
    expect(ask({ agent: 'another', number: 0 }).said).toEqual(['R18 body.agent is another, expected agent'])
    expect(ask({ model: 'other' }).said).toEqual(['R21 body.model is not a model of this run'])
    expect(ask({ numeric: 'other' }).said).toEqual(['R21 body.model is not a model of this run'])
    expect(ask({ tick: 4 }).said).toEqual(['R20 body.tick is 4, expected 3'])
    expect(ask({ observation: leaf(7) }).said).toEqual(['R20 body.observation is no earlier observation'])
    expect(ask({ observation: null }).said).toEqual(['R20 body.observation is no earlier observation'])
    expect(ask({}, {}, 'another run').said).toEqual(['R20 body.observation is of another run'])
  })
  test('of a gateway’s own run is about no tick', () => {
    const made = ask({ observation: null, agent: 'anybody', number: 0 }, { strategy: null })
    expect(made.said).toEqual([])
    expect(made.state.asked.size).toBe(0)
    expect(made.state.openRequests.size).toBe(1)
    expect(ask({ observation: leaf(7), agent: 'anybody', number: 0 }, { strategy: null }).said).toEqual([
      'R20 body.observation is no earlier observation',
    ])
  })
})

describe('time', () => {
  const at = (atMs: number, { lastAtMs = 0, mode = 'devnet', scope = 'log' as const, what = '' } = {}) => {
    const made = recordWorld({ mode })
    made.scope = scope
    made.state.lastAtMs = lastAtMs
    const record = { ...made.record('incident', { what }), atMs }
    checkTime(record, made.context(leaf(1)))
    return made
  }
  const NOW = Date.UTC(2026, 5, 1)
  test('goes back by two seconds at most, unless the log says so', () => {
    expect(at(NOW - BACKWARD_MS, { lastAtMs: NOW }).said).toEqual([])
    expect(at(NOW - BACKWARD_MS - 1, { lastAtMs: NOW }).said).toEqual([
      `R7 atMs is ${NOW - BACKWARD_MS - 1}, ${BACKWARD_MS + 1} ms before an earlier record of its run`,
    ])
    expect(at(NOW - BACKWARD_MS, { lastAtMs: NOW }).state.lastAtMs).toBe(NOW)
    expect(at(NOW + 5, { lastAtMs: NOW }).state.lastAtMs).toBe(NOW + 5)
    const back = at(NOW - 9_999, { lastAtMs: NOW, what: CLOCK_SET_BACK })
    expect([back.said, back.state.lastAtMs]).toEqual([[], NOW - 9_999])
    expect(BACKWARD_MS).toBe(2_000)
  })
  test('of a live run and of a gateway is not before 2026', () => {
    const first = Date.UTC(2026, 0, 1)
    for (const mode of ['live', 'gateway']) {
      expect(at(first, { mode }).said).toEqual([])
      expect(at(first - 1, { mode }).said).toEqual([`R8 atMs is ${first - 1}, before 2026`])
    }
    for (const mode of ['devnet', 'paper', 'backtest']) expect(at(5, { mode }).said).toEqual([])
  })
})

describe('an observation', () => {
  const market = { intervalSeconds: 60, source: 'source' }
  const observe = (changes: { view?: object; provenance?: object; run?: object; seen?: object } = {}) => {
    const made = recordWorld({ market, chain: {}, ...changes.run })
    made.state.seen = (changes.seen as never) ?? { tick: 2, timeMs: 59_000 }
    const bars = { timeSeconds: [0, 60] }
    const view = { tick: 3, timeMs: 120_000, intervalSeconds: 60, bars, ...changes.view }
    const chain = { blockHash: `0x${'11'.repeat(32)}` }
    const provenance = { market: { source: 'source' }, chain, ...changes.provenance }
    checkObservation(made.record('observation', { view, provenance }), made.context(leaf(1)))
    return made
  }
  const order = (tick: number, timeMs: number, before: { tick: number; timeMs: number }) =>
    `R15 body.view.tick is tick ${tick} at ${timeMs}, after tick ${before.tick} at ${before.timeMs}`
  test('comes after the last one, in tick and time', () => {
    expect(observe().said).toEqual([])
    expect(observe().state.seen).toEqual({ tick: 3, timeMs: 120_000 })
    for (const seen of [
      { tick: 3, timeMs: 1 },
      { tick: 4, timeMs: 1 },
      { tick: 1, timeMs: 120_000 },
    ])
      expect(observe({ seen }).said).toEqual([order(3, 120_000, seen)])
  })
  test('is of the run’s market, of bars that ascend and have ended', () => {
    expect(observe({ run: { market: null } }).said).toEqual(['R15 body.view has no market in its run'])
    expect(observe({ view: { intervalSeconds: 30 } }).said).toEqual([
      'R15 body.view.intervalSeconds is 30, expected 60',
    ])
    expect(observe({ provenance: { market: { source: 'x' } } }).said).toEqual([
      'R15 body.provenance.market.source is x, expected source',
    ])
    const bars = (...timeSeconds: number[]) => observe({ view: { bars: { timeSeconds } } }).said
    expect(bars(0, 0)).toEqual(['R16 body.view.bars.timeSeconds.1 is 0, after 0'])
    expect(bars(0, 60, 30, 20)).toEqual(['R16 body.view.bars.timeSeconds.2 is 30, after 60'])
    expect(bars(60)).toEqual([])
    expect(bars()).toEqual([])
    expect(observe({ view: { timeMs: 119_999 } }).said).toEqual([
      'R16 body.view.bars end at 120000, after the time of the view, 119999',
    ])
  })
  test('is of a block where the run has a chain, and only there', () => {
    const only = ['R17 body.provenance.chain stands where the run has a chain, and only there']
    expect(observe({ provenance: { chain: null } }).said).toEqual(only)
    expect(observe({ run: { chain: null } }).said).toEqual(only)
    expect(observe({ run: { chain: null }, provenance: { chain: null } }).said).toEqual([])
    expect(observe({ provenance: { chain: { blockHash: NO_HASH } } }).said).toEqual([
      'R17 body.provenance.chain.blockHash is no hash of a block',
    ])
  })
})

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
    expect((await settle({ submission: leaf(8) })).said).toEqual(['R52 body.submission is no earlier submission'])
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
    expect(start({ keys: { verifiers: ['0x2', '0x2'] } }).said).toEqual(['R11 body.keys.verifiers names 0x2 twice'])
    expect(start({ keys: { executor: '0x2' } }).said).toEqual(['R11 body.keys.executor is a verifier as well'])
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
    expect((await approve({ proposal: leaf(5) })).said).toEqual(['R36 body.proposal is no earlier proposal'])
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

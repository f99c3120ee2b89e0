import { describe, expect, test } from 'vitest'
import { recordWorld } from '../../../test/support/recordWorld.ts'
import { checkDecision } from './decision.ts'
import { checkFill } from './fill.ts'
import { checkObservation } from './observation.ts'
import { checkRequest } from './request.ts'
import { BACKWARD_MS, CLOCK_SET_BACK, checkTime } from './time.ts'

// Each rule at its edge: one record, what it is held against, and what is said.
const leaf = (n: number) => n.toString(16).padStart(64, '0')
const NO_HASH = `0x${'00'.repeat(32)}`

describe('a decision', () => {
  /** `isAsked`: the request of tick 3 is among those that its decision must cite. */
  const world = (isAsked = true) => {
    const made = recordWorld()
    made.put(leaf(1), 'observation', { view: { tick: 3 } })
    made.put(leaf(2), 'request', { tick: 3, agent: 'agent', inputDigest: 'in', input: { type: 'tensor' } })
    made.put(leaf(3), 'response', { request: leaf(2) })
    made.state.nextTick.set('agent', 3)
    const request = { body: { number: 0, model: 'm', numeric: 'n', inputDigest: 'in' } }
    if (isAsked) made.state.asked.set(3, [{ leaf: leaf(2), request, response: leaf(3), failed: false }] as never)
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
    const { doors } = body(changes)
    const made = world(doors.some(({ answer }) => answer === leaf(3)))
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
      const made = world(false)
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
    expect(fill('hold').said).toEqual(['R57 body.decision is no earlier decision of this run with intents'])
    expect(fill('intents', { run: 'another' }).said).toEqual([
      'R57 body.decision is no earlier decision of this run with intents',
    ])
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
    expect(ask({ observation: leaf(7) }).said).toEqual(['R20 body.observation is no earlier observation of this run'])
    expect(ask({ observation: null }).said).toEqual(['R20 body.observation is no earlier observation of this run'])
    expect(ask({}, {}, 'another run').said).toEqual(['R20 body.observation is no earlier observation of this run'])
  })
  test('of a gateway’s own run is about no tick', () => {
    const made = ask({ observation: null, agent: 'anybody', number: 0 }, { strategy: null })
    expect(made.said).toEqual([])
    expect(made.state.asked.size).toBe(0)
    expect(made.state.openRequests.size).toBe(1)
    expect(ask({ observation: leaf(7), agent: 'anybody', number: 0 }, { strategy: null }).said).toEqual([
      'R20 body.observation is no earlier observation of this run',
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

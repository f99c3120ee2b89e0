import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toFunctionSelector } from 'viem'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runTick } from '#agents/cycle/runTick.ts'
import { createSandbox } from '#agents/sandbox/createSandbox.ts'
import { createChainPort } from '#runtime/chain/createChainPort.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { nodeKernels, randomWords } from '#runtime/crypto/nodeKernels.ts'
import { createDemoWorld, type DemoWorld } from '#runtime/demo/demoWorld.ts'
import { scheduleOf } from '#runtime/market/bars.ts'
import { createMarketPort } from '#runtime/market/marketPort.ts'
import { openSource } from '#runtime/market/openSource.ts'
import { AGENT, type LoadedStrategy, loadStrategy, strategyEntry } from '#runtime/run/openRun.ts'
import { onnxEngine } from '#runtime/worker/onnxEngine.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import { CHECK_IDS, type CheckId } from '#verifier/evidence/records/verdict.ts'
import { policyDigest } from '#verifier/policy/policy.ts'
import { createFollower } from '#verifier/service/follower.ts'
import type { AuditContext, AuditPorts } from '../context.ts'
import { preAudit } from '../preAudit.ts'

/** Selector of caps(address). */
const CAPS = toFunctionSelector('caps(address)')

// A real proposal on a real devnet; each test violates exactly one of the nine checks.
const root = mkdtempSync(join(tmpdir(), 'warrant-checks-'))
let world: DemoWorld
let strategy: LoadedStrategy
let context: AuditContext
let ports: AuditPorts
let proposalLeaf = ''

beforeAll(async () => {
  strategy = await loadStrategy(strategyEntry('trend-follower'))
  const marketSource = { simulated: { seed: '1', minutes: 15 * 80 } }
  const source = openSource(marketSource)
  const schedule = scheduleOf(source, { intervalSeconds: 900, window: 64, decisions: 10 })
  world = await createDemoWorld({
    dir: root,
    seed: '1',
    source,
    marketSource,
    schedule,
    strategy,
    otherStrategies: [],
    otherWorkers: [],
  })
  const run = await world.run(strategy)
  for (let tick = 0; proposalLeaf === ''; tick++) {
    await world.moveMarketTo(tick)
    await runTick(
      {
        agent: AGENT,
        crypto: nodeCrypto,
        log: run.opened.appenders.agent,
        strategy: strategy.sandboxed,
        identity: { strategy: strategy.bundle.digest, params: strategy.paramsDigest },
        observe: run.observe,
        infer: run.opened.gateway.infer,
        settle: async decision => {
          proposalLeaf = (await run.treasury.propose(decision)).leafHash
        },
        durable: true,
      },
      tick,
    )
  }
  const follower = createFollower({ crypto: nodeCrypto, vkey: world.log.vkey, pinned: null })
  await follower.take({
    note: await world.log.checkpoint(),
    from: 0,
    entries: await world.log.entries(0, world.log.size),
  })
  const { records } = follower
  const proposal = records.find(proposalLeaf, 'proposal')
  const decision = records.find(proposal?.body.decision ?? '', 'decision')
  const runState = records.runs.get(proposal?.runId ?? '')
  if (proposal === null || decision === null || runState === undefined) throw new Error('the world has no proposal')
  const chain = createChainPort(world.devnet.url)
  context = {
    policy: world.policy,
    policyDigest: policyDigest(world.policy),
    logKey: world.log.vkey,
    checkpointSize: follower.size,
    cosigned: [],
    logFindings: follower.findings,
    records,
    runState,
    proposal,
    proposalDigest: proposalDigest(proposal.body),
    decision,
    siblings: [],
    firstWithNonce: proposalDigest(proposal.body),
    maybeSigned: null,
    observation: records.find(decision.body.observation ?? '', 'observation'),
    calls: decision.body.doors.flatMap(use => {
      const response = records.find(use.answer, 'response')
      const request = response === null ? null : records.find(response.body.request, 'request')
      return response === null || request === null ? [] : [{ request, requestLeaf: response.body.request, response }]
    }),
    approvals: [],
    head: await chain.head(),
    oracleTick: null,
    valueUsd: null,
    simulation: null,
  }
  ports = {
    crypto: nodeCrypto,
    engine: onnxEngine,
    kernels: nodeKernels(),
    randomWords,
    blob: async () => new Uint8Array(0),
    chain,
    market: createMarketPort(source),
    ledger: { entries: () => [], highestTreasuryUsd: () => 0 },
    modelFile: async () => strategy.models[0]?.file as Uint8Array,
    strategy: async () => strategy.sandboxed,
    nowMs: () => Date.now(),
    nowMicros: () => performance.now() * 1_000,
  }
}, 120_000)
afterAll(async () => {
  await strategy?.sandboxed.close()
  await world?.close()
  rmSync(root, { recursive: true })
})

const noFile = async () => new Uint8Array(9)
const failing = async (contextChange: Partial<AuditContext>, portChange: Partial<AuditPorts> = {}) => {
  const results = await preAudit({ ...context, ...contextChange }, { ...ports, ...portChange })
  expect(results.map(r => r.id)).toEqual([...CHECK_IDS])
  return results.filter(r => r.ok !== true)
}
const body = () => context.proposal.body
const withBody = (change: Partial<AuditContext['proposal']['body']>) => ({
  proposal: { ...context.proposal, body: { ...body(), ...change } },
})
const withLimits = (change: Partial<AuditContext['policy']['limits']>) => ({
  policy: { ...context.policy, limits: { ...context.policy.limits, ...change } },
})
const maybeSigned = { proposalDigest: 'cd'.repeat(32), validUntil: 2_000_000_000 }
const reserved = (usd: number, secondsAgo: number, status: 'reserved' | 'executed' | 'failed' = 'reserved') => ({
  ...{ nonce: `${usd}${secondsAgo}`, proposalDigest: '00'.repeat(32), usd, status },
  signedAtSeconds: context.head.timestamp - secondsAgo,
})

/** The same bars at another time, which the market confirms. */
function barsShifted(seconds: number): [Partial<AuditContext>, Partial<AuditPorts>] {
  const { observation } = context
  if (observation === null) throw new Error('the world has an observation')
  const { view } = observation.body
  const bars = { ...view.bars, timeSeconds: view.bars.timeSeconds.map(time => time + seconds) }
  const moved = { ...observation, body: { ...observation.body, view: { ...view, bars } } }
  return [{ observation: moved }, { market: { ...ports.market, barsAt: () => view.bars } }]
}

describe('the nine checks', () => {
  test('an honest proposal passes all of them', async () => {
    expect(await failing({})).toEqual([])
    const witnesses = { aboveUsd: 100, threshold: 1, keys: ['a'] }
    expect(
      await failing({ policy: { ...context.policy, witnesses }, cosigned: [{ name: 'a', timeSeconds: 1 }] }),
    ).toEqual([])
  })

  const only: [CheckId, string, () => [Partial<AuditContext>, Partial<AuditPorts>?], RegExp][] = [
    [
      'log',
      'a record of the log was found wrong',
      () => [{ logFindings: [{ where: 'entry 3', reason: 'changed' }] }],
      /entry 3: changed/,
    ],
    [
      'log',
      'the policy asks for cosignatures, and too few are there',
      () => [
        {
          policy: { ...context.policy, witnesses: { aboveUsd: 100, threshold: 2, keys: ['a', 'b', 'c'] } },
          cosigned: [{ name: 'a', timeSeconds: 1 }],
        },
      ],
      /need 2 cosignatures of the checkpoint, 1 are there/,
    ],
    ['log', 'the run is closed', () => [{ runState: { ...context.runState, closed: true } }], /closed/],
    [
      'log',
      'the decision belongs to another run',
      () => [{ decision: { ...context.decision, runId: 'ff'.repeat(16) } }],
      /another run/,
    ],
    [
      'policy',
      'the decision was signed for before, under another nonce',
      () => [
        { siblings: ['00'.repeat(32)] },
        { ledger: { entries: () => [reserved(1, 90_000, 'executed')], highestTreasuryUsd: () => 0 } },
      ],
      /the decision was signed for before/,
    ],
    ['policy', 'the nonce is taken', () => [{ firstWithNonce: 'ab'.repeat(32) }], /belongs to an earlier proposal/],
    ['policy', 'the journal was restored', () => [{ maybeSigned }], /journal does not reach proposal cdcd/],
    [
      'identity',
      'the executor is not listed',
      () => [{ policy: { ...context.policy, identities: { ...context.policy.identities, executors: [] } } }],
      /executor/,
    ],
    [
      'identity',
      'the model is not listed',
      () => [{ policy: { ...context.policy, identities: { ...context.policy.identities, models: [] } } }],
      /model/,
    ],
    [
      'identity',
      "a worker's key has expired",
      () => [
        {
          policy: {
            ...context.policy,
            identities: {
              ...context.policy.identities,
              workers: context.policy.identities.workers.map(w => ({ ...w, untilMs: 1 })),
            },
          },
        },
      ],
      /not valid at this time/,
    ],
    ['identity', 'another log key', () => [{ logKey: 'other.example/log+00000000+AAAA' }], /log key/],
    ['proofs', 'no kernels', () => [{}, { kernels: null }], /cannot be checked/],
    ['proofs', 'another model', () => [{}, { kernels: { ...nodeKernels() }, modelFile: noFile }], /have its digest/],
    [
      'proofs',
      'the band demands a kind that is not there',
      () => [{ policy: { ...context.policy, proofs: [{ upToUsd: null, anyOf: [['tee']] }] } }],
      /demand tee/,
    ],
    [
      'proofs',
      'no band covers the value',
      () => [{ policy: { ...context.policy, proofs: [{ upToUsd: 1, anyOf: [['signed']] }] } }],
      /no band/,
    ],
    [
      'observation',
      "the bars are not the verifier's own",
      () => [
        {},
        {
          market: {
            ...ports.market,
            barsAt: async (t, i) => {
              const b = await ports.market.barsAt(t, i)
              return b && { ...b, close: b.close.map(c => c + 1) }
            },
          },
        },
      ],
      /close is/,
    ],
    ['observation', 'its bars are true, of an hour ago', () => barsShifted(-3_600), /the last bar ended 3\d{3} s ago/],
    ['observation', 'its bars end in the future', () => barsShifted(3_600), /the last bar ended -3\d{3} s ago/],
    [
      'observation',
      'it is too old',
      () => [{ policy: { ...context.policy, observation: { maxAgeSeconds: -1, toleranceTicks: 0 } } }],
      /old/,
    ],
    [
      'observation',
      'its block is not in the chain',
      () => [{}, { chain: { ...ports.chain, block: async () => null } }],
      /has hash none/,
    ],
    [
      'decision',
      'the strategy decides otherwise',
      () => [{}, { strategy: async () => otherStrategy }],
      /result|differs/,
    ],
    [
      'calldata',
      'a lower minimum than decided',
      () => [withBody({ calls: body().calls.map((c, i) => (i === 1 ? { ...c, data: lowerMinimum(c.data) } : c)) })],
      /amountOutMinimum/,
    ],
    ['calldata', 'another deadline', () => [withBody({ validUntil: body().validUntil - 1 })], /deadline/],
    [
      'simulation',
      'an approval is left behind',
      () => [
        {},
        {
          chain: {
            ...ports.chain,
            simulate: async r => ({
              ...(await ports.chain.simulate(r)),
              approvals: [{ token: r.from, spender: r.from, allowance: '1' }],
            }),
          },
        },
      ],
      /left behind/,
    ],
    [
      'simulation',
      'the calls revert',
      () => [
        {},
        {
          chain: {
            ...ports.chain,
            simulate: async r => ({ ...(await ports.chain.simulate(r)), status: 'reverted' as const }),
          },
        },
      ],
      /revert/,
    ],
    [
      'simulation',
      'the node does not answer',
      () => [
        {},
        {
          chain: {
            ...ports.chain,
            simulate: async () => {
              throw new Error('timeout')
            },
          },
        },
      ],
      /could not be evaluated: timeout/,
    ],
    ['policy', 'too much for one trade', () => [withLimits({ perTradeUsd: 1 })], /per trade/],
    [
      'policy',
      'too much with what is signed and not yet seen',
      () => [{}, { ledger: { entries: () => [reserved(399_999, 3_000)], highestTreasuryUsd: () => 0 } }],
      /rolling limit/,
    ],
    [
      'policy',
      'too many trades in an hour',
      () => [
        {},
        {
          ledger: {
            entries: () => Array.from({ length: 6 }, (_, i) => reserved(1, 3_000 - i)),
            highestTreasuryUsd: () => 0,
          },
        },
      ],
      /trades in the last hour/,
    ],
    [
      'policy',
      'too soon',
      () => [{}, { ledger: { entries: () => [reserved(1, 10)], highestTreasuryUsd: () => 0 } }],
      /ago/,
    ],
    [
      'policy',
      'too many failures in a row',
      () => [
        {},
        {
          ledger: {
            entries: () => Array.from({ length: 5 }, (_, i) => reserved(1, 90_000 + i, 'failed')),
            highestTreasuryUsd: () => 0,
          },
        },
      ],
      /failed/,
    ],
    [
      'policy',
      'too deep a drawdown',
      () => [{}, { ledger: { entries: () => [], highestTreasuryUsd: () => 10_000_000 } }],
      /fallen/,
    ],
    ['policy', 'too bad a price against the oracle', () => [withLimits({ maxSlippageBps: 1 })], /against the oracle/],
    ['policy', 'valid for too long', () => [withLimits({ maxValiditySeconds: 10 })], /valid for/],
    [
      'policy',
      'no approval above the threshold',
      () => [{ policy: { ...context.policy, approvals: { aboveUsd: 1, approvers: [], threshold: 1 } } }],
      /approvals/,
    ],
    [
      'policy',
      'a nonce that was signed before',
      () => [
        {},
        { ledger: { entries: () => [{ ...reserved(1, 90_000), nonce: body().nonce }], highestTreasuryUsd: () => 0 } },
      ],
      /signed before/,
    ],
    [
      'simulation',
      'the outflow exceeds the cap of the module',
      () => {
        // The cap as the chain would give it: one base unit, all of it left.
        const word = (value: number) => value.toString(16).padStart(64, '0')
        const capped = `0x${word(1)}${word(0)}${word(3_600)}${word(context.head.timestamp)}`
        const read: AuditPorts['chain']['read'] = (call, block) =>
          call.to === context.policy.module && call.data.startsWith(CAPS)
            ? Promise.resolve(capped)
            : ports.chain.read(call, block)
        return [{}, { chain: { ...ports.chain, read } }]
      },
      /exceed the owners' cap on chain, which now lets 1 out/,
    ],
    [
      'bounds',
      'a weaker bound than decided',
      () => [
        withBody({
          bounds: body().bounds.map((b, i) => (i === 0 ? { ...b, limit: String(BigInt(b.limit) - 1n) } : b)),
        }),
      ],
      /bound 0/,
    ],
    ['bounds', 'a bound missing', () => [withBody({ bounds: body().bounds.slice(1) })], /no bound names/],
    [
      'bounds',
      'a bound of a kind that nobody enforces',
      () => [withBody({ bounds: body().bounds.map(b => ({ ...b, kind: 3 })) })],
      /kind 3/,
    ],
  ]
  let otherStrategy: AuditPorts['strategy'] extends (run: never) => Promise<infer S> ? S : never
  beforeAll(async () => {
    otherStrategy = await createSandbox().load(strategy.bundle.bytes, '{"threshold":4}')
  })
  afterAll(() => otherStrategy?.close())
  test.each(only)('only %s fails: %s', async (id, _what, change, reason) => {
    const failed = await failing(...change())
    expect(failed.map(f => f.id)).toEqual([id])
    expect(failed[0]?.detail).toMatch(reason)
  })
})

/** The swap's minimum, less one unit. */
function lowerMinimum(data: string): string {
  const at = 10 + 64 * 6
  return (
    data.slice(0, at) +
    (BigInt(`0x${data.slice(at, at + 64)}`) - 1n).toString(16).padStart(64, '0') +
    data.slice(at + 64)
  )
}

test('a verifier refuses a log that was rewritten under it', async () => {
  const follower = createFollower({
    crypto: nodeCrypto,
    vkey: world.log.vkey,
    pinned: { size: 2, root: 'dd'.repeat(32) },
  })
  const take = { note: await world.log.checkpoint(), from: 0, entries: await world.log.entries(0, world.log.size) }
  await expect(follower.take(take)).rejects.toThrow('the log was rewritten')
  await expect(follower.take({ ...take, entries: take.entries.slice(1) })).rejects.toThrow('entries')
  const fresh = createFollower({ crypto: nodeCrypto, vkey: world.log.vkey, pinned: null })
  const changed = take.entries.map((e, i) =>
    i === 1 ? Buffer.from(Buffer.from(e).toString().replace('"seq":1', '"seq":9')) : e,
  )
  await expect(fresh.take({ ...take, entries: changed })).rejects.toThrow('one was changed')
  expect(fresh.size).toBe(0)
})

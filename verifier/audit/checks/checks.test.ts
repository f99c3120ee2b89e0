import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toFunctionSelector } from 'viem'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSandbox } from '#agents/sandbox/createSandbox.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { nodeKernels } from '#runtime/crypto/nodeKernels.ts'
import type { DemoWorld } from '#runtime/demo/demoWorld.ts'
import type { LoadedStrategy } from '#runtime/run/openRun.ts'
import { CHECK_IDS, type CheckId } from '#verifier/evidence/records/verdict.ts'
import { attestedKey } from '#verifier/proof/tee.ts'
import { createFollower } from '#verifier/service/follower.ts'
import { type NitroCloud, nitroCloud, nitroDocument } from '../../../test/support/attestation/nitro.ts'
import { auditedProposal } from '../../../test/support/auditedProposal.ts'
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

beforeAll(async () => {
  ;({ world, strategy, context, ports } = await auditedProposal(root))
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
  validUntil: context.head.timestamp - secondsAgo + 600,
})

const soldToken = () => body().calls[0]?.to ?? ''
const soldAmount = () => -BigInt(body().bounds.find(({ target }) => target === soldToken())?.limit ?? 0)
const soldSymbol = () => context.policy.tokens.find(({ address }) => address === soldToken())?.symbol ?? ''

/** The same bars at another time, which the market confirms. */
function barsShifted(seconds: number): [Partial<AuditContext>, Partial<AuditPorts>] {
  const { observation } = context
  if (observation === null) throw new Error('the world has an observation')
  const { view } = observation.body
  const bars = { ...view.bars, timeSeconds: view.bars.timeSeconds.map(time => time + seconds) }
  const moved = { ...observation, body: { ...observation.body, view: { ...view, bars } } }
  return [{ observation: moved }, { market: { ...ports.market, barsAt: () => view.bars } }]
}

/** The same call, answered by a worker whose key this cloud attests. */
function attestedCall(call: AuditContext['calls'][number], cloud: NitroCloud): AuditContext['calls'][number] {
  const copy = structuredClone(call)
  const { result } = copy.response.body
  if (result.status !== 'ok' || result.proof.kind === 'all') throw new Error('no single proof')
  const worker = context.runState.run.body.keys.workers.find(({ id }) => id === result.receipt.statement.worker)
  const document = nitroDocument(cloud, attestedKey(worker?.publicKey ?? '', nodeCrypto))
  const tee = { kind: 'tee' as const, attestation: { inline: Buffer.from(document).toString('base64') } }
  result.proof = { kind: 'all', proofs: [result.proof, tee] }
  return copy
}

describe('the nine checks', () => {
  test('an honest proposal passes all of them', async () => {
    expect(await failing({})).toEqual([])
    const proofs = [{ upToUsd: null, anyOf: [['freivalds', 'replay']] }]
    expect(await failing({ policy: { ...context.policy, proofs } })).toEqual([])
    const witnesses = { aboveUsd: 100, threshold: 1, keys: ['a'] }
    expect(
      await failing({ policy: { ...context.policy, witnesses }, cosigned: [{ name: 'a', timeSeconds: 1 }] }),
    ).toEqual([])
  })

  test('a way out that the owners approved beforehand is free of limits, not of prices', async () => {
    const limits = { ...context.policy.limits, perTradeUsd: 1, rollingUsd: 1, tradesPerHour: 0, maxDrawdownBps: 0 }
    const approvals = { aboveUsd: 0, approvers: [`0x${'11'.repeat(20)}`], threshold: 1 }
    const exits = [{ intent: 'swap' as const, sell: soldSymbol() }]
    const strict = { ...context.policy, limits, approvals }
    const ledger = { ledger: { entries: () => [reserved(1, 1)], highestTreasuryUsd: () => 10_000_000 } }
    expect((await failing({ policy: strict }, ledger)).map(({ id }) => id)).toEqual(['policy'])
    expect(await failing({ policy: { ...strict, exits } }, ledger)).toEqual([])
    const others = [{ intent: 'swap' as const, sell: 'DOGE' }, { intent: 'removeLiquidity' as const }]
    expect((await failing({ policy: { ...strict, exits: others } }, ledger)).map(({ id }) => id)).toEqual(['policy'])
    const dear = { ...strict, exits, limits: { ...limits, maxSlippageBps: 0 } }
    expect(await failing({ policy: dear }, ledger)).toMatchObject([{ id: 'policy', detail: /could lose/ }])
  })

  test('an attestation counts at the time of the last witness, and only on a platform of the policy', async () => {
    const cloud = nitroCloud(Date.UTC(2026, 5, 1))
    const { at, root } = cloud
    const measurements = { pcr0: cloud.pcr0 }
    const attestations = [{ for: 'tee' as const, platform: 'nitro' as const, root, measurements }]
    const proofs = [{ upToUsd: null, anyOf: [['freivalds', 'tee']] }]
    const calls = context.calls.map(call => attestedCall(call, cloud))
    const policy = { ...context.policy, proofs, attestations }
    const seen = (...seconds: number[]) => seconds.map((timeSeconds, i) => ({ name: `${i}`, timeSeconds }))
    const witnessed = seen(at / 1_000 - 900_000, at / 1_000)
    expect(await failing({ policy, calls, cosigned: witnessed })).toEqual([])
    const refused = async (change: Partial<AuditContext>, also?: Partial<AuditPorts>) =>
      (await failing({ policy, calls, cosigned: witnessed, ...change }, also))[0]
    expect(await refused({ cosigned: [] })).toMatchObject({
      id: 'proofs',
      detail: expect.stringMatching(/no witness of the policy/),
    })
    expect(await refused({ cosigned: seen(at / 1_000 + 90_000) })).toMatchObject({
      detail: expect.stringMatching(/not valid at that time/),
    })
    expect(await refused({ policy: { ...policy, attestations: [] } })).toMatchObject({
      detail: expect.stringMatching(/accepts no attestation/),
    })
    expect(await refused({}, { attestations: null })).toMatchObject({
      detail: expect.stringMatching(/checks no attestations/),
    })
    expect(await refused({ calls: context.calls })).toMatchObject({
      detail: expect.stringMatching(/demand freivalds \+ tee/),
    })
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
    [
      'policy',
      'more of a token than one trade may send out',
      () => [withLimits({ tokens: { [soldSymbol()]: { perTrade: '1' } } })],
      /sends out \d+ (USDC|WETH); the policy allows 1 per trade/,
    ],
    [
      'policy',
      'more of a token than all trades may send out',
      () => [
        withLimits({ tokens: { [soldSymbol()]: { rolling: String(soldAmount()) } } }),
        {
          ledger: {
            entries: () => [{ ...reserved(1, 1_000), outflows: { [soldToken()]: '1' } }],
            highestTreasuryUsd: () => 0,
          },
        },
      ],
      /with 1 (USDC|WETH) before it this would exceed the rolling limit/,
    ],
    [
      'policy',
      'it moves the price too far',
      () => [withLimits({ maxPriceImpactBps: 0 })],
      /moves the price by \d+ bps; the policy allows 0/,
    ],
    [
      'policy',
      'the module would be content with fewer verifiers than the policy asks for',
      () => [{ policy: { ...context.policy, verifiers: [{ aboveUsd: 1, threshold: 2 }] } }],
      /the module lets 1 verifiers move/,
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
    [
      'proofs',
      'two kinds are demanded, and the model cannot be run again here',
      () => [
        { policy: { ...context.policy, proofs: [{ upToUsd: null, anyOf: [['freivalds', 'replay']] }] } },
        { engine: null },
      ],
      /proof replay: cannot be run again: this verifier has no engine/,
    ],
    [
      'proofs',
      'two kinds are demanded, and one needs another worker',
      () => [{ policy: { ...context.policy, proofs: [{ upToUsd: null, anyOf: [['freivalds', 'quorum']] }] } }],
      /demand freivalds \+ quorum/,
    ],
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
      'too much with what failed, and may be sent again until its deadline',
      () => [{}, { ledger: { entries: () => [reserved(399_999, 590, 'failed')], highestTreasuryUsd: () => 0 } }],
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

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toFunctionSelector } from 'viem'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSandbox } from '#agents/sandbox/createSandbox.ts'
import { nodeKernels } from '#runtime/crypto/nodeKernels.ts'
import type { DemoWorld } from '#runtime/demo/demoWorld.ts'
import type { LoadedStrategy } from '#runtime/run/openRun.ts'
import type { View } from '#verifier/evidence/records/observation.ts'
import { CHECK_IDS, type CheckId } from '#verifier/evidence/records/verdict.ts'
import { auditedProposal } from '../../test/support/auditedProposal.ts'
import { barsBack, barsShifted, barsWithout, withView } from '../../test/support/otherViews.ts'
import type { Case, Earlier } from '../judge/case.ts'
import { gather, type KnownBefore } from './gather.ts'
import type { GatherPorts } from './ports.ts'

// A real proposal on a real devnet; each test violates exactly one of the nine checks.
const root = mkdtempSync(join(tmpdir(), 'warrant-checks-'))
let world: DemoWorld
let strategy: LoadedStrategy
let subject: Case
let before: KnownBefore
let ports: GatherPorts

beforeAll(async () => {
  ;({ world, strategy, subject, before, ports } = await auditedProposal(root))
}, 120_000)
afterAll(async () => {
  await strategy?.sandboxed.close()
  await world?.close()
  rmSync(root, { recursive: true })
})

const noFile = async () => new Uint8Array(9)
/** What is changed about the case, what the verifier knows before it asks, and whom it asks. */
type Change = [Partial<Case>, Partial<GatherPorts>?, Partial<KnownBefore>?]
const failing = async (...[caseChange, portChange = {}, beforeChange = {}]: Change) => {
  const { judgement } = await gather(
    { ...subject, ...caseChange },
    { ...before, ...beforeChange },
    { ...ports, ...portChange },
  )
  expect(judgement.checks.map(({ id }) => id)).toEqual([...CHECK_IDS])
  expect(judgement.questions).toEqual([])
  return judgement.checks.filter(({ ok }) => ok !== true)
}
const body = () => subject.proposal.body
const withBody = (change: Partial<Case['proposal']['body']>) => ({
  proposal: { ...subject.proposal, body: { ...body(), ...change } },
})
const withLimits = (change: Partial<Case['policy']['limits']>) => ({
  policy: { ...subject.policy, limits: { ...subject.policy.limits, ...change } },
})
const journal = (change: Partial<KnownBefore['journal']>) => ({ journal: { ...before.journal, ...change } })
const maybeSigned = { proposalDigest: 'cd'.repeat(32), validUntil: 2_000_000_000 }
const word = (value: bigint | number) => value.toString(16).padStart(64, '0')

/** A transfer to the Safe itself: so many base units of a token. */
const transferOf = (token: string, amount: bigint) => ({
  to: token,
  value: '0',
  data: `0xa9059cbb${subject.policy.safe.slice(2).padStart(64, '0')}${word(amount)}`,
})
let made = 0
/** An earlier proposal that moves so many dollars. */
function earlier(usd: number, secondsAgo: number, end: Partial<Earlier> & { isOpen?: boolean } = {}): Earlier {
  const dollar = subject.policy.tokens.find(token => token.usd === 'one')
  if (dollar === undefined) throw new Error('the policy lists a dollar')
  const { isOpen = true, ...rest } = end
  const atSeconds = before.head.timestamp - secondsAgo
  const id = (0xe0 + made++).toString(16).slice(-2).repeat(32)
  return {
    ...{ leaf: id, digest: id, answers: new Map(), approvedAt: atSeconds, outcome: null },
    proposal: {
      ...subject.proposal,
      body: {
        ...body(),
        decision: 'dd'.repeat(32),
        nonce: String(1_000_000 + made),
        calls: [transferOf(dollar.address, BigInt(usd) * 10n ** BigInt(dollar.decimals))],
        validUntil: before.head.timestamp + (isOpen ? 1 : -1),
      },
    },
    ...rest,
  }
}

const soldToken = () => body().calls[0]?.to ?? ''
const soldAmount = () => -BigInt(body().bounds.find(({ target }) => target === soldToken())?.limit ?? 0)
const soldSymbol = () => subject.policy.tokens.find(({ address }) => address === soldToken())?.symbol ?? ''

const deniedByAll = () => new Map(subject.run.body.keys.verifiers.map(signer => [signer, 'deny' as const]))

/** An earlier proposal that sends out so much of what this one sells. */
function soldBefore(amount: bigint, secondsAgo: number): Earlier {
  const one = earlier(1, secondsAgo)
  return {
    ...one,
    proposal: { ...one.proposal, body: { ...one.proposal.body, calls: [transferOf(soldToken(), amount)] } },
  }
}

const cosignedBy = (name: string, timeSeconds: number) => ({
  log: { ...before.log, cosigned: [{ name, timeSeconds }] },
})

/** Another view, which the market confirms. */
function viewOf(
  change: (view: View) => Partial<View>,
  maxAgeSeconds = subject.policy.observation.maxAgeSeconds,
): Change {
  const observation = withView(subject.observation, change)
  const policy = { ...subject.policy, observation: { ...subject.policy.observation, maxAgeSeconds } }
  return [{ policy, observation }, { market: { ...ports.market, barsAt: () => observation.body.view.bars } }]
}

describe('the nine checks', () => {
  test('an honest proposal passes all of them', async () => {
    expect(await failing({})).toEqual([])
    const proofs = [{ upToUsd: null, anyOf: [['freivalds', 'replay']] }]
    expect(await failing({ policy: { ...subject.policy, proofs } })).toEqual([])
    const witnesses = { aboveUsd: 100, threshold: 1, keys: ['a'] }
    expect(await failing({ policy: { ...subject.policy, witnesses } }, {}, cosignedBy('a', 1))).toEqual([])
  })

  test('a way out that the owners approved beforehand is free of limits, not of prices', async () => {
    const limits = { ...subject.policy.limits, perTradeUsd: 1, rollingUsd: 1, tradesPerHour: 0, maxDrawdownBps: 0 }
    const approvals = { aboveUsd: 0, approvers: [`0x${'11'.repeat(20)}`], threshold: 1 }
    const exits = [{ intent: 'swap' as const, sell: soldSymbol() }]
    const strict = { ...subject.policy, limits, approvals }
    const busy = { earlier: [earlier(1, 1)] }
    const high = journal({ highestTreasuryUsd: 10_000_000 })
    expect((await failing({ ...busy, policy: strict }, {}, high)).map(({ id }) => id)).toEqual(['policy'])
    expect(await failing({ ...busy, policy: { ...strict, exits } }, {}, high)).toEqual([])
    const others = [{ intent: 'swap' as const, sell: 'DOGE' }, { intent: 'removeLiquidity' as const }]
    expect((await failing({ ...busy, policy: { ...strict, exits: others } }, {}, high)).map(({ id }) => id)).toEqual([
      'policy',
    ])
    const dear = { ...strict, exits, limits: { ...limits, maxSlippageBps: 0 } }
    expect(await failing({ ...busy, policy: dear }, {}, high)).toMatchObject([{ id: 'policy', detail: /could lose/ }])
  })

  test('what enough verifiers denied uses nothing up', async () =>
    expect(await failing({ earlier: [{ ...earlier(399_999, 3_000), answers: deniedByAll() }] })).toEqual([]))

  const only: [CheckId, string, () => Change, RegExp][] = [
    [
      'log',
      'a record of the log was found wrong',
      () => [{}, {}, { log: { ...before.log, fault: 'entry 3: changed' } }],
      /entry 3: changed/,
    ],
    [
      'log',
      'the policy asks for cosignatures, and too few are there',
      () => [
        {
          policy: { ...subject.policy, witnesses: { aboveUsd: 100, threshold: 2, keys: ['a', 'b', 'c'] } },
        },
        {},
        cosignedBy('a', 1),
      ],
      /need 2 cosignatures of the checkpoint, 1 are there/,
    ],
    ['log', 'the run is closed', () => [{ isRunClosed: true }], /closed/],
    [
      'log',
      'the decision belongs to another run',
      () => [{ decision: { ...subject.decision, runId: 'ff'.repeat(16) } }],
      /another run/,
    ],
    [
      'policy',
      'the decision was signed for before, under another nonce',
      () => [{ earlier: [{ ...earlier(1, 90_000, { outcome: 'success' }), proposal: subject.proposal }] }],
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
        {
          ...withLimits({ tokens: { [soldSymbol()]: { rolling: String(soldAmount()) } } }),
          earlier: [soldBefore(1n, 1_000)],
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
      () => [{ policy: { ...subject.policy, verifiers: [{ aboveUsd: 1, threshold: 2 }] } }],
      /the module lets 1 verifiers move/,
    ],
    ['policy', 'the nonce is taken', () => [{ firstWithNonce: 'ab'.repeat(32) }], /belongs to an earlier proposal/],
    [
      'policy',
      'the journal was restored',
      () => [{}, {}, journal({ maybeSigned })],
      /journal does not reach proposal cdcd/,
    ],
    [
      'identity',
      'the executor is not listed',
      () => [{ policy: { ...subject.policy, identities: { ...subject.policy.identities, executors: [] } } }],
      /executor/,
    ],
    [
      'identity',
      'the model is not listed',
      () => [{ policy: { ...subject.policy, identities: { ...subject.policy.identities, models: [] } } }],
      /model/,
    ],
    [
      'identity',
      "a worker's key has expired",
      () => [
        {
          policy: {
            ...subject.policy,
            identities: {
              ...subject.policy.identities,
              workers: subject.policy.identities.workers.map(w => ({ ...w, untilMs: 1 })),
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
        { policy: { ...subject.policy, proofs: [{ upToUsd: null, anyOf: [['freivalds', 'replay']] }] } },
        { engine: null },
      ],
      /proof replay: cannot be run again: this verifier has no engine/,
    ],
    [
      'proofs',
      'two kinds are demanded, and one needs another worker',
      () => [{ policy: { ...subject.policy, proofs: [{ upToUsd: null, anyOf: [['freivalds', 'quorum']] }] } }],
      /demand freivalds \+ quorum/,
    ],
    ['proofs', 'no kernels', () => [{}, { kernels: null }], /cannot be checked/],
    ['proofs', 'another model', () => [{}, { kernels: { ...nodeKernels() }, modelFile: noFile }], /have its digest/],
    [
      'proofs',
      'the band demands a kind that is not there',
      () => [{ policy: { ...subject.policy, proofs: [{ upToUsd: null, anyOf: [['tee']] }] } }],
      /demand tee/,
    ],
    [
      'proofs',
      'no band covers the value',
      () => [{ policy: { ...subject.policy, proofs: [{ upToUsd: 1, anyOf: [['signed']] }] } }],
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
    [
      'observation',
      'its bars are true, of an hour ago',
      () => viewOf(barsShifted(-3_600)),
      /the last bar ended 3\d{3} s ago/,
    ],
    ['observation', 'its bars end in the future', () => viewOf(barsShifted(3_600)), /the last bar ended -3\d{3} s ago/],
    ['observation', 'its last bar is not the newest', () => viewOf(barsBack(1), 100_000), /a newer one had/],
    [
      'observation',
      'a bar is left out of its window',
      () => viewOf(barsWithout(7)),
      /63 bars; the strategy looks at 64/,
    ],
    ['observation', 'a bar is left out, and an older one added', () => viewOf(barsWithout(7, true)), /bar 8 starts at/],
    ['observation', 'its time is not that of its last bar', () => viewOf(() => ({ timeMs: 5 })), /the view is of 5 ms/],
    [
      'observation',
      'its bars are of another length',
      () => viewOf(() => ({ intervalSeconds: 60 }), 100_000),
      /bars of 60 s/,
    ],
    [
      'observation',
      'it is too old',
      () => [{ policy: { ...subject.policy, observation: { maxAgeSeconds: -1, toleranceTicks: 0 } } }],
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
      () => [{ earlier: [earlier(399_999, 3_000)] }],
      /rolling limit/,
    ],
    [
      'policy',
      'too much with what failed, and may be sent again until its deadline',
      () => [{ earlier: [earlier(399_999, 1_000, { outcome: 'reverted' })] }],
      /rolling limit/,
    ],
    [
      'policy',
      'too much with what it signed, though denials of it were put on record afterwards',
      () => {
        const one = { ...earlier(399_999, 3_000), answers: deniedByAll() }
        return [{ earlier: [one] }, {}, journal({ signedYetDenied: [one.digest] })]
      },
      /rolling limit/,
    ],
    [
      'policy',
      'too many trades in an hour',
      () => [{ earlier: Array.from({ length: 6 }, (_, i) => earlier(1, 3_000 - i)) }],
      /trades in the last hour/,
    ],
    ['policy', 'too soon', () => [{ earlier: [earlier(1, 10)] }], /ago/],
    [
      'policy',
      'too many failures in a row',
      () => [
        {
          earlier: Array.from({ length: 5 }, (_, i) => earlier(1, 90_000 - i, { outcome: 'reverted', isOpen: false })),
        },
      ],
      /failed/,
    ],
    ['policy', 'too deep a drawdown', () => [{}, {}, journal({ highestTreasuryUsd: 10_000_000 })], /fallen/],
    ['policy', 'too bad a price against the oracle', () => [withLimits({ maxSlippageBps: 1 })], /against the oracle/],
    ['policy', 'valid for too long', () => [withLimits({ maxValiditySeconds: 10 })], /valid for/],
    [
      'policy',
      'no approval above the threshold',
      () => [{ policy: { ...subject.policy, approvals: { aboveUsd: 1, approvers: [], threshold: 1 } } }],
      /approvals/,
    ],
    [
      'policy',
      'a nonce that was signed before',
      () => [{}, {}, journal({ nonceSignedFor: 'ee'.repeat(32) })],
      /signed before/,
    ],
    [
      'simulation',
      'the outflow exceeds the cap of the module',
      () => {
        // The cap as the chain would give it: one base unit, all of it left.
        const capped = `0x${word(1)}${word(0)}${word(3_600)}${word(before.head.timestamp)}`
        const read: GatherPorts['chain']['read'] = (call, block) =>
          call.to === subject.policy.module && call.data.startsWith(toFunctionSelector('caps(address)'))
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
  let otherStrategy: GatherPorts['strategy'] extends (run: never) => Promise<infer S> ? S : never
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

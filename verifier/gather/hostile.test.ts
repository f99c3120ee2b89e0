import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createChainPort } from '#runtime/chain/createChainPort.ts'
import { requireChainFits } from '#runtime/chain/requireChainFits.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import type { Verdict } from '#verifier/evidence/records/verdict.ts'
import { encodeFacts, type Facts } from '#verifier/judge/facts.ts'
import { judge } from '#verifier/judge/judge.ts'
import { createCounterfactual } from '#verifier/replay/counterfactual.ts'
import { claimsOf, createVerdictReplay, type JudgedAgain } from '#verifier/replay/replayVerdicts.ts'
import { createFollower } from '#verifier/service/follower.ts'
import { attestedCall } from '../../test/support/attestation/attestedCall.ts'
import { nitroCloud } from '../../test/support/attestation/nitro.ts'
import { type AuditedProposal, auditedProposal } from '../../test/support/auditedProposal.ts'
import type { Case } from '../judge/case.ts'
import { gather, type KnownBefore } from './gather.ts'
import type { GatherPorts } from './ports.ts'

const root = mkdtempSync(join(tmpdir(), 'warrant-unlisted-'))
let made: AuditedProposal
beforeAll(async () => {
  made = await auditedProposal(root)
}, 120_000)
afterAll(async () => {
  await made?.strategy.sandboxed.close()
  await made?.world.close()
  rmSync(root, { recursive: true })
})
const failing = async (
  change: Partial<Case>,
  portChange: Partial<GatherPorts> = {},
  beforeChange: Partial<KnownBefore> = {},
) => {
  const { subject, before, ports } = made
  const { judgement } = await gather(
    { ...subject, ...change },
    { ...before, ...beforeChange },
    { ...ports, ...portChange },
  )
  return judgement.checks.filter(({ ok }) => ok !== true)
}

test('a model that the policy does not list is never loaded, a worker that it does not list is no second operator', async () => {
  const context = made.subject
  const unlisted = { ...context.policy, identities: { ...context.policy.identities, models: [] } }
  const touched = () => {
    throw new Error('it was loaded')
  }
  const blind = { modelFile: touched, engine: { runtime: 'none', supports: touched, load: touched } }
  const found = await failing({ policy: unlisted }, blind)
  expect(found).toMatchObject([{ id: 'identity', detail: expect.stringMatching(/is not on the policy's list/) }])
  expect(found).toHaveLength(1)

  const call = structuredClone(context.calls[0] as Case['calls'][number])
  const { result } = call.response.body
  if (result.status !== 'ok') throw new Error('no answer')
  // The agent's run record names a second operator, whose key nobody listed.
  const body = structuredClone(context.run.body)
  const receipt = structuredClone(result.receipt)
  receipt.statement.worker = 'second'
  body.keys.workers.push({ id: 'second', operator: 'somebody', publicKey: 'ab'.repeat(32) })
  result.proof = { kind: 'quorum', receipts: [receipt] }
  const run = { ...context.run, body }
  const proofs = [{ upToUsd: null, anyOf: [['quorum']] }]
  const refused = await failing({ calls: [call], run, policy: { ...context.policy, proofs } })
  expect(refused.find(({ id }) => id === 'proofs')?.detail).toMatch(/worker second is not listed, or not valid now/)
})

test('an attestation counts at the time of the last witness, and only on a platform of the policy', async () => {
  const { subject, before } = made
  const cloud = nitroCloud(Date.UTC(2026, 5, 1))
  const { at, root } = cloud
  const measurements = { pcr0: cloud.pcr0 }
  const attestations = [{ for: 'tee' as const, platform: 'nitro' as const, root, measurements }]
  const proofs = [{ upToUsd: null, anyOf: [['freivalds', 'tee']] }]
  const calls = subject.calls.map(call => attestedCall(call, subject.run, cloud))
  const policy = { ...subject.policy, proofs, attestations }
  const seen = (...seconds: number[]) => ({
    log: { ...before.log, cosigned: seconds.map((timeSeconds, i) => ({ name: `${i}`, timeSeconds })) },
  })
  const witnessed = seen(at / 1_000 - 900_000, at / 1_000)
  expect(await failing({ policy, calls }, {}, witnessed)).toEqual([])
  const refused = async (change: Partial<Case>, also: Partial<GatherPorts> = {}, known = witnessed) =>
    (await failing({ policy, calls, ...change }, also, known))[0]
  expect(await refused({}, {}, seen())).toMatchObject({
    id: 'proofs',
    detail: expect.stringMatching(/no witness of the policy/),
  })
  expect(await refused({}, {}, seen(at / 1_000 + 90_000))).toMatchObject({
    detail: expect.stringMatching(/not valid at that time/),
  })
  expect(await refused({ policy: { ...policy, attestations: [] } })).toMatchObject({
    detail: expect.stringMatching(/accepts no attestation/),
  })
  expect(await refused({}, { attestations: null })).toMatchObject({
    detail: expect.stringMatching(/checks no attestations/),
  })
  expect(await refused({ calls: subject.calls })).toMatchObject({
    detail: expect.stringMatching(/demand freivalds \+ tee/),
  })
})

test('a verifier refuses a log that was rewritten under it', async () => {
  const { world } = made
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

describe('a policy that its chain contradicts', () => {
  const refusalOf = (change: (policy: Case['policy']) => Partial<Case['policy']>) => {
    const { policy } = made.subject
    const chain = createChainPort(made.world.devnet.url)
    const placeOf = (path: readonly (string | number)[]) => `p.yaml:${path.length}`
    return requireChainFits({ ...policy, ...change(policy) }, chain, placeOf).catch(({ message }: Error) => message)
  }
  const pools = (change: Partial<Case['policy']['uniswapV3'][number]>) => (policy: Case['policy']) => ({
    uniswapV3: policy.uniswapV3.map(pool => ({ ...pool, ...change })),
  })

  test('one that fits is taken', async () => expect(await refusalOf(() => ({}))).toBeUndefined())

  test.each<[string, Parameters<typeof refusalOf>[0], RegExp]>([
    ['another chain', () => ({ chainId: 1 }), /^p\.yaml:1: chainId: is 1, the node is of chain 31337$/],
    [
      'a token of other decimals',
      ({ tokens }) => ({
        tokens: tokens.map(token => ({ ...token, decimals: token.decimals === 6 ? 18 : token.decimals })),
      }),
      /tokens\.\d\.decimals: the chain says otherwise: decimals\(\) of 0x[0-9a-f]{40} is 6$/,
    ],
    [
      'a token that is no contract',
      ({ tokens }) => ({ tokens: tokens.map(t => ({ ...t, address: `0x${'ab'.repeat(20)}` })) }),
      /decimals: 0xabab\w+ is no token/,
    ],
    ['a pool of another fee', pools({ feePips: 3_000 }), /uniswapV3\.0\.feePips: the chain says otherwise: fee\(\)/],
    [
      'a pool that is none',
      pools({ pool: `0x${'ab'.repeat(20)}` }),
      /uniswapV3\.0\.token0: 0xabab\w+ is no Uniswap v3 pool/,
    ],
    [
      'a router that is none',
      pools({ router: `0x${'ab'.repeat(20)}` }),
      /uniswapV3\.0\.router: 0xabab\w+ is no Uniswap router/,
    ],
    [
      'another token as token1',
      policy => pools({ token1: policy.safe })(policy),
      /uniswapV3\.0\.token1: the chain says/,
    ],
    ['a module of another Safe', policy => ({ module: policy.safe }), /module: 0x\w+ is no WarrantModule/],
    [
      'a Safe that is none',
      ({ tokens }) => ({ safe: tokens[0]?.address ?? '' }),
      /safe: 0x\w+ is no Safe: it does not answer/,
    ],
  ])('%s is refused by file, line and field', async (_what, change, reason) => {
    expect(await refusalOf(change)).toMatch(reason)
  })
})

describe('verdicts are derived again from their facts', () => {
  /** What a replay says of a verdict, signed or not: that is the record checker's. */
  async function judged(change: (verdict: Verdict, facts: Facts) => [Verdict, Facts] = (v, f) => [v, f]) {
    const { subject, before, ports, records } = made
    const { facts, judgement } = await gather(subject, before, ports)
    const honest: Verdict = {
      ...{ proposal: subject.leaf, proposalDigest: subject.digest, answer: judgement.answer },
      ...{ checks: judgement.checks, simulation: judgement.simulation, valueAtRiskUsd: judgement.valueUsd },
      ...{ facts: { sha256: '', size: 0 }, checkpointSize: subject.size, previous: null },
      ...{
        refBlock: before.head.number,
        refBlockHash: before.head.hash,
        refTime: before.head.timestamp,
        validUntil: before.head.timestamp,
      },
      ...{ signer: `0x${'11'.repeat(20)}`, signature: null, reportSignature: `0x${'00'.repeat(65)}` },
    }
    const [body, said] = change(honest, facts)
    const replay = createVerdictReplay(subject.logKey, () => encodeFacts(said))
    const record = { ...subject.proposal, kind: 'verdict' as const, body } as RecordOf<'verdict'>
    const again = replay.take({ index: subject.size, leaf: 'ee'.repeat(32), record }, records)
    const { intervalSeconds, window } = made.strategy.sandboxed.manifest.market
    const found = { decision: null, manifest: { intervalSeconds, window }, refused: new Map() }
    if (again !== null) replay.compare(claimsOf(again), found)
    return { counts: replay.counts, reason: replay.findings[0]?.reason ?? null, again }
  }
  const counts = (rederived: number, diverged: number) => ({ rederived, diverged, recorded: 0 })

  test('an honest one follows, bit by bit, and its facts are small', async () => {
    const { counts: found, again } = await judged()
    expect(found).toEqual(counts(1, 0))
    expect(encodeFacts((again as JudgedAgain).facts).length).toBeLessThan(16_384)
  })

  test.each<[string, (verdict: Verdict, facts: Facts) => [Verdict, Facts], RegExp]>([
    [
      'an approval that its facts deny',
      (v, f) => [v, { ...f, simulation: { failed: 'timeout' } }],
      /answer is "approve"/,
    ],
    [
      'a check with other words',
      (v, f) => [{ ...v, checks: v.checks.map((c, i) => (i === 3 ? { ...c, detail: 'seen' } : c)) }, f],
      /check observation/,
    ],
    ['another value at risk', (v, f) => [{ ...v, valueAtRiskUsd: 1 }, f], /value at risk is 1/],
    [
      'a price that would make it smaller',
      (v, f) => [v, { ...f, market: { ...f.market, tick: { value: 0 } } }],
      /answer/,
    ],
    ['facts of another block', (v, f) => [v, { ...f, head: { ...f.head, number: 1 } }], /of another block: 1/],
    ['facts of another log', (v, f) => [v, { ...f, log: { ...f.log, size: 1 } }], /another size of the log/],
    [
      'a denial of an honest decision, from facts that lie about it',
      (v, f) => {
        const difference = { field: 'result', recorded: 'a', rederived: 'b' }
        const lie = { ...f, decision: { value: difference } }
        const { checks, answer } = judge(made.subject, lie)
        return [{ ...v, checks, answer }, lie]
      },
      /its facts are not those of the log: they say that the decision differs/,
    ],
  ])('%s is told', async (_what, change, reason) => {
    const { counts: found, reason: told } = await judged(change)
    expect(told).toMatch(reason)
    expect(found).toEqual(counts(0, 1))
  })

  test('another policy: what it would have denied, by rule, and what nobody looked at is unknown', async () => {
    const { again } = await judged()
    if (again === null) throw new Error('it was not judged')
    const { policy } = made.subject
    const under = (change: Partial<Case['policy']>) => {
      const other = createCounterfactual({ ...policy, ...change })
      other.take(again)
      return other.report
    }
    expect(under({})).toMatchObject({ proposals: 1, same: 1, changed: [], unknown: 0 })
    const usd = again.verdict.valueAtRiskUsd
    expect(under({ limits: { ...policy.limits, perTradeUsd: 1 } })).toMatchObject({
      changed: [
        { was: 'approve', wouldBe: 'deny', usd, rules: [{ rule: 'limits.perTradeUsd' }], pathDependent: false },
      ],
      byRule: { 'limits.perTradeUsd': { proposals: 1, usd } },
    })
    // Nobody ran the model again: the policy asked for no such proof.
    const proofs = [{ upToUsd: null, anyOf: [['freivalds', 'replay']] }]
    expect(under({ proofs })).toMatchObject({ unknown: 1, changed: [{ wouldBe: 'unknown' }], byRule: {} })
  })
})

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundleStrategy } from '#agents/sandbox/bundleStrategy.ts'
import { createSandbox } from '#agents/sandbox/createSandbox.ts'
import { DEFAULT_LIMITS } from '#agents/sandbox/limits.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { toHex } from '#verifier/evidence/bytes.ts'
import { digestBytes } from '#verifier/evidence/digest.ts'
import { paramsDigest } from '#verifier/evidence/paramsText.ts'
import type { RecordedAnswers, SandboxPort } from '#verifier/evidence/ports/sandbox.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { createPayloads } from '#verifier/service/payloads.ts'
import { createStrategies, type Strategies } from '#verifier/service/strategies.ts'

const dir = mkdtempSync(join(tmpdir(), 'warrant-strategies-'))
const opened: Strategies[] = []
afterAll(async () => {
  await Promise.all(opened.map(strategies => strategies.close()))
  rmSync(dir, { recursive: true })
})

const source = (name: string, head: string, body: string) => `
import { defineStrategy, z } from 'warrant/sdk'
${head}
export default defineStrategy({
  name: '${name}', version: '1', params: z.object({}), models: [],
  market: { pair: { base: 'WETH', quote: 'USDC' }, intervalSeconds: 60, window: 1 },
  async decide(ctx) { ${body} },
})`
const LOOPS = 'for (;;) {}'
const bundles: Record<string, Uint8Array> = {}
beforeAll(async () => {
  const sources = {
    a: source('a', '', "return ctx.hold('a')"),
    b: source('b', '', "return ctx.hold('b')"),
    c: source('c', '', "return ctx.hold('c')"),
    loadLoops: source('loadLoops', LOOPS, "return ctx.hold('never')"),
    tickLoops: source(
      'tickLoops',
      '',
      `const seen = await ctx.observe(); if (seen.tick === 7) ${LOOPS} return ctx.hold('on')`,
    ),
  }
  for (const [name, text] of Object.entries(sources)) {
    writeFileSync(join(dir, `${name}.ts`), text)
    bundles[name] = (await bundleStrategy(join(dir, `${name}.ts`))).bytes
  }
}, 60_000)

const bundleOf = (name: string) => bundles[name] as Uint8Array
const sha256 = (bytes: Uint8Array) => toHex(nodeCrypto.sha256(bytes))

/** A run record as far as its strategy goes. */
function runOf(name: string): RecordOf<'run'> {
  const bytes = bundleOf(name)
  const digest = digestBytes('strategy', bytes, nodeCrypto)
  const bundle = { sha256: sha256(bytes), size: bytes.length }
  const strategy = { name, version: '1', digest, bundle, params: '{}', paramsDigest: paramsDigest('{}', nodeCrypto) }
  return { runId: name, body: { strategy } } as RecordOf<'run'>
}

const answersAt = (tick: number): RecordedAnswers => ({
  view: {
    ...{ tick, timeMs: 1_000, intervalSeconds: 60 },
    bars: { timeSeconds: [0], open: [200_000], high: [200_000], low: [200_000], close: [200_000] },
    balances: { USDC: '1000000', WETH: '0' },
  },
  inferences: [],
})

/** Real sandboxes, counted. `loopMs`: how long the bundle that loops may load; the others have the usual time. */
function open(listed: readonly string[], { mostLoaded = 4, loopMs = 2_000 } = {}) {
  const loads: string[] = []
  let [running, most] = [0, 0]
  const sandbox: SandboxPort = {
    async load(bundle, params, signal) {
      const name = Object.keys(bundles).find(known => bundles[known] === bundle) as string
      loads.push(name)
      most = Math.max(most, ++running)
      try {
        const limits = name === 'loadLoops' ? { ...DEFAULT_LIMITS, loadMs: loopMs } : DEFAULT_LIMITS
        const strategy = await createSandbox(limits).load(bundle, params, signal)
        const close = () => {
          running--
          return strategy.close()
        }
        return { ...strategy, close }
      } catch (error) {
        running--
        throw error
      }
    },
  }
  const strategies = listed.map(name => {
    const { strategy } = runOf(name).body
    return { digest: strategy?.digest ?? '', params: strategy?.paramsDigest ?? '' }
  })
  const policy = { identities: { strategies, models: [] } } as unknown as Policy
  const payloads = createPayloads({ crypto: nodeCrypto, policy })
  for (const bytes of Object.values(bundles)) payloads.put(bytes)
  const clock = { ms: 1_000, nowMs: () => clock.ms }
  const made = createStrategies({ policy, crypto: nodeCrypto, sandbox, clock, payload: payloads.get, mostLoaded })
  opened.push(made)
  const decide = async (name: string, tick = 0) => (await (await made.of(runOf(name))).rederive(answersAt(tick))).result
  return { made, loads, decide, mostRunning: () => most, clock }
}

test('what the policy does not list is never loaded, whatever digest it claims', async () => {
  const { made, loads, decide } = open(['a'])
  made.prepare([runOf('b'), runOf('loadLoops')])
  await expect(decide('b')).rejects.toThrow(/is not on the policy's list: it is not loaded/)
  const claimed = runOf('b')
  const [{ strategy: own }, { strategy: listed }] = [claimed.body, runOf('a').body]
  if (own === null || listed === null) throw new Error('no strategy')
  own.digest = listed.digest
  await expect(made.of(claimed)).rejects.toThrow(/does not have its digest/)
  own.digest = runOf('b').body.strategy?.digest ?? ''
  own.paramsDigest = listed.paramsDigest
  own.params = '{"x":1}'
  await expect(made.of(claimed)).rejects.toThrow(/is not on the policy's list/)
  expect(loads).toEqual([])
  expect(await decide('a')).toMatchObject({ type: 'hold', reason: 'a' })
})

test('a bundle that loops while it loads is ended once, then refused from memory; the others decide meanwhile', async () => {
  const { made, loads, decide, clock } = open(['a', 'loadLoops'])
  const looping = decide('loadLoops').catch((error: Error) => error.message)
  made.prepare([runOf('loadLoops'), runOf('a')])
  expect(await decide('a')).toMatchObject({ reason: 'a' })
  expect(await looping).toMatch(/did not answer within/)
  await expect(decide('loadLoops')).rejects.toThrow(/is not run again for now/)
  made.prepare([runOf('loadLoops')])
  expect(loads.toSorted()).toEqual(['a', 'loadLoops'])
  // A busy machine may have been the reason: later it is tried again, and waits longer after each time.
  clock.ms += 61_000
  await expect(decide('loadLoops')).rejects.toThrow(/did not answer within/)
  clock.ms += 61_000
  await expect(decide('loadLoops')).rejects.toThrow(/is not run again for now/)
})

test('a decision that loops is ended once, then refused from memory; others of the same run are derived', async () => {
  const { loads, decide } = open(['tickLoops'])
  await expect(decide('tickLoops', 7)).rejects.toThrow(/did not answer within/)
  const before = loads.length
  await expect(decide('tickLoops', 7)).rejects.toThrow(/is not run again for now/)
  expect(loads).toHaveLength(before)
  expect(await decide('tickLoops', 8)).toMatchObject({ reason: 'on' })
})

test('a few sandboxes are kept, the one used last the longest; what made room is loaded again', async () => {
  const { made, loads, decide, mostRunning } = open(['a', 'b', 'c'], { mostLoaded: 2 })
  made.prepare([runOf('c'), runOf('b'), runOf('a')])
  for (const name of ['a', 'b', 'a', 'c']) expect(await decide(name)).toMatchObject({ reason: name })
  expect(loads.toSorted()).toEqual(['a', 'b', 'c'])
  expect(await decide('a')).toMatchObject({ reason: 'a' })
  expect(loads).toHaveLength(3)
  const all = await Promise.all(['a', 'b', 'c', 'a', 'b', 'c'].map(name => decide(name)))
  expect(all).toMatchObject(['a', 'b', 'c', 'a', 'b', 'c'].map(reason => ({ reason })))
  expect(mostRunning()).toBe(2)
})

test('ending waits for no bundle that loops', async () => {
  const { made, decide } = open(['loadLoops'], { loopMs: 3_600_000 })
  const looping = decide('loadLoops').catch((error: Error) => error.message)
  await made.close()
  expect(await looping).toMatch(/closed|ending/)
})

test('payloads that the policy lists stay; of the others the latest are held, up to a number of bytes', () => {
  const digest = digestBytes('strategy', bundleOf('a'), nodeCrypto)
  const identities = { strategies: [{ digest, params: '' }], models: [] } as unknown as Policy['identities']
  const payloads = createPayloads({ crypto: nodeCrypto, policy: { identities }, mostBytes: 10_000 })
  payloads.put(bundleOf('a'))
  const parts = Array.from({ length: 50 }, (_, i) => new Uint8Array(1_000).fill(i))
  for (const part of parts) payloads.put(part)
  expect(payloads.get(sha256(bundleOf('a')))).toBe(bundleOf('a'))
  expect(parts.map(part => payloads.has(sha256(part)))).toEqual(parts.map((_, i) => i >= 40))
  expect(() => payloads.get(sha256(parts[0] as Uint8Array))).toThrow(/was not sent, or has made room/)
})

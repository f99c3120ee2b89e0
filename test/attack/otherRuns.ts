import { parseTransaction } from 'viem'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { formatVkey, noteKey } from '#verifier/log/signedNote.ts'
import { all, body, executed, first, type Lie } from './contradictions/tell.ts'
import { resubmit } from './forge.ts'
import type { Json, Loose } from './rewritings.ts'

// What no demo's log holds, so that what reads logs is tried on it as well. The forger signs and derives the rest.

const AT_MS = Date.UTC(2026, 1, 1)

/** Makes records of one run, each known by a leaf of its own until the forger gives it its true one. */
function recordsOf(runId: string) {
  let made = 0
  const record = (kind: string, atMs: number, of: Json, parents: string[] = []): Loose & { leaf: string } => ({
    ...{ v: 3, kind, runId, seq: 0, atMs, parents, body: of },
    leaf: `${runId}${(++made).toString(16).padStart(32, 'e')}`,
  })
  return record
}

/** A person's answers to two proposals, and an incident that accuses a worker. */
export function addAnswers(lie: Lie): void {
  const { proposal } = executed(lie)
  const denied = all(lie, 'proposal').find(r => r !== proposal) as Loose
  for (const [of, answer] of [
    [proposal, 'approve'],
    [denied, 'reject'],
  ] as const) {
    const leaf = of.leaf as string
    const signer = lie.keys.approver.address.toLowerCase()
    const given = { proposal: leaf, proposalDigest: '', answer, reason: 'so I say', signer, signature: '0x' }
    const made = recordsOf(of.runId as string)('approval', of.atMs as number, given, [leaf])
    lie.records.splice(lie.records.indexOf(of) + 1, 0, { ...made, leaf: `${made.leaf.slice(0, 62)}a${answer.length}` })
  }
  const seen = first(lie, 'observation')
  const run = body(lie.records.find(r => r.kind === 'run' && r.runId === seen.runId) as Loose)
  const accuses = ((run.keys as Loose).workers as Loose[])[0]?.id as string
  const evidence = (run.strategy as Loose).bundle as Json
  const said = { what: 'a worker lied', caughtBy: 'gateway', reason: 'it did', evidence, accuses }
  lie.records.splice(
    lie.records.indexOf(seen) + 1,
    0,
    recordsOf(seen.runId as string)('incident', seen.atMs as number, said),
  )
}

/** The transaction of an executed trade, sent again for more. */
export async function addReplacement(lie: Lie): Promise<void> {
  const { submission, outcome } = executed(lie)
  const other = structuredClone(submission)
  other.leaf = (submission.leaf as string).replace(/^.{4}/, 'eeee')
  body(other).replaces = submission.leaf as string
  const { maxFeePerGas = 0n, maxPriorityFeePerGas = 0n } = parseTransaction(
    body(submission).rawTransaction as `0x02${string}`,
  )
  const more = { maxFeePerGas: 2n * maxFeePerGas, maxPriorityFeePerGas: maxPriorityFeePerGas + 1n }
  await resubmit(body(other), lie.keys, more)
  lie.records.splice(lie.records.indexOf(outcome), 0, other)
}

/** A gateway's own run: agents of others, a chat, two proofs of one answer, a failure, a clock that was set back. */
export function addGatewayRun(lie: Lie): void {
  const record = recordsOf('9a7e'.repeat(8))
  const run = structuredClone(first(lie, 'run'))
  const answered = first(lie, 'response')
  const asked = lie.records.find(r => r.leaf === body(answered).request) as Loose
  const begun = record('run', AT_MS, {
    ...body(run),
    ...{ mode: 'gateway', agent: 'gateway', strategy: null, market: null, chain: null },
    keys: { ...(body(run).keys as Loose), verifiers: [], executor: null },
  })
  const question = (agent: string, number: number, proofKind: string, input: Json) =>
    record('request', AT_MS, { ...body(asked), agent, number, proofKind, input, observation: null, tick: 0 })
  const answer = (to: Loose & { leaf: string }, result: Json, atMs = AT_MS) =>
    record(
      'response',
      atMs,
      { request: to.leaf, agent: body(to).agent as Json, number: body(to).number as Json, result },
      [to.leaf],
    )
  const { output, receipt, proof } = structuredClone(body(answered).result) as {
    [K in 'output' | 'receipt' | 'proof']: Loose
  }
  const received = (traceDigest: Json, atMs: number): Loose => ({
    ...receipt,
    statement: { ...(receipt.statement as Loose), traceDigest, startedMs: atMs - 5, finishedMs: atMs },
  })
  const chat = (text: string): Loose => ({ type: 'chat', body: JSON.stringify({ said: text }) })
  const back = AT_MS - 3_600_000
  const [one, two, three] = [
    question('alice', 0, 'signed', chat('é \u2028 "quoted" \u0001')),
    question('bob', 0, 'signed', chat('who?')),
    question('alice', 1, 'freivalds+replay', body(asked).input as Json),
  ]
  const both = { kind: 'all', proofs: [proof, { kind: 'replay' }] }
  const digest = (receipt.statement as Loose).traceDigest as Json
  lie.records.push(
    ...[begun, one, two, three],
    answer(one, {
      ...{ status: 'ok', output: chat('yes'), receipt: received(null, AT_MS) },
      proof: { kind: 'signed' },
    }),
    answer(two, { status: 'failed', reason: 'nobody was there' }),
    record('incident', back, {
      ...{ what: 'the clock was set back', caughtBy: 'log', reason: 'by an hour', evidence: null },
    }),
    answer(three, { status: 'ok', output, receipt: received(digest, back), proof: both }, back),
    record('seal', back, { epoch: 0, receipts: 0, receiptsRoot: '' }),
    record('close', back, { reason: 'asked to', decisions: 0, requests: 0 }),
  )
}

/** A run without a chain: a question asked again after it failed, a fill, a tick that was missed. */
export function addBacktest(lie: Lie): void {
  const record = recordsOf('bac4'.repeat(8))
  const run = structuredClone(first(lie, 'run'))
  const { view } = structuredClone(body(first(lie, 'observation'))) as { view: Loose }
  const answered = first(lie, 'response')
  const asked = body(lie.records.find(r => r.leaf === body(answered).request) as Loose)
  const decided = structuredClone(
    body(lie.records.find(r => r.kind === 'decision' && (body(r).result as Loose).type === 'intents') as Loose),
  )
  const begun = record('run', AT_MS, { ...body(run), mode: 'backtest', chain: null })
  const market = { source: (body(run).market as Loose).source as Json }
  const seen = (tick: number, timeMs: number) =>
    record('observation', AT_MS, { view: { ...view, tick, timeMs }, provenance: { market, chain: null } })
  const [zero, one] = [seen(0, view.timeMs as number), seen(1, (view.timeMs as number) + 900_000)]
  const question = (number: number) =>
    record('request', AT_MS, { ...asked, number, tick: 0, observation: zero.leaf }, [zero.leaf])
  const [first_, again] = [question(0), question(1)]
  const answer = (to: Loose & { leaf: string }, result: Json) =>
    record(
      'response',
      AT_MS,
      { request: to.leaf, agent: asked.agent as Json, number: body(to).number as Json, result },
      [to.leaf],
    )
  const [failed, held] = [
    answer(first_, { status: 'timedOut', reason: 'no answer in time' }),
    answer(again, structuredClone(body(answered).result) as Json),
  ]
  const door = (kind: string, answer: string, what: Json) => ({ door: kind, asked: what, answer })
  const doors = [
    door('observe', zero.leaf, zero.leaf),
    door('infer', failed.leaf, asked.inputDigest as Json),
    door('infer', held.leaf, asked.inputDigest as Json),
    door('infer', failed.leaf, asked.inputDigest as Json),
  ]
  const log = [{ level: 'info', message: 'sold', fields: { b: '1', '\u{1f600}': '2', '\ufb33': '3' } }]
  const decision = (tick: number, observation: Json, more: Loose) =>
    record('decision', AT_MS, { ...decided, tick, observation, doors: [], ...more })
  const sold = decision(0, zero.leaf, { doors, log })
  lie.records.push(
    ...[begun, zero, first_, failed, again, held, sold],
    record('fill', AT_MS, { decision: sold.leaf, status: 'success', reason: null, changes: { USDC: '-5', WETH: '0' } }),
    one,
    decision(1, one.leaf, { result: { type: 'hold', reason: 'nothing to do' } }),
    decision(2, null, { result: { type: 'missed', reason: 'late' } }),
    record('seal', AT_MS, { epoch: 0, receipts: 0, receiptsRoot: '' }),
    record('close', AT_MS, { reason: 'the data ended', decisions: 0, requests: 0 }),
  )
}

/** The log was under another key, of the same name, until its last run so far was closed. */
export function addHandover(lie: Lie): void {
  const { keys, records } = lie
  const [origin = ''] = ((body(first(lie, 'run')).keys as Loose).log as string).split('+')
  const vkeyOf = (publicKey: Uint8Array) => formatVkey(noteKey(nodeCrypto, origin, publicKey))
  const [from, to] = [vkeyOf(keys.agent.publicKey), vkeyOf(keys.log.publicKey)]
  for (const run of records) if (run.kind === 'run') (body(run).keys as Loose).log = from
  records.push(recordsOf('4a4d'.repeat(8))('handover', AT_MS, { from, to, size: 0, root: '', signatures: {} }))
}

/** All of it. */
export async function addOtherRuns(lie: Lie): Promise<void> {
  const now = structuredClone((body(first(lie, 'run')).keys as Loose).log) as string
  addAnswers(lie)
  await addReplacement(lie)
  addHandover(lie)
  const before = lie.records.length
  addGatewayRun(lie)
  addBacktest(lie)
  for (const run of lie.records.slice(before)) if (run.kind === 'run') (body(run).keys as Loose).log = now
}

import { concat, utf8 } from '#verifier/evidence/bytes.ts'
import { canonicalBytes } from '#verifier/evidence/canonical.ts'
import type { Random } from '../fault/seededRandom.ts'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
export type Loose = { [key: string]: Json }

/** Works on parsed entries; a case that wants other bytes than canonical JSON gives them in `raw`. */
export type Work = { records: Loose[]; raw: Map<number, Uint8Array>; random: Random }

/** A change that someone with the log's key might make, and the finding that must come first. */
export type Rewriting = { name: string; first: RegExp; change(work: Work): void | Promise<void> }

/** A random element. */
export const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
const flipHex = (text: string, random: Random) => {
  const digits = text.startsWith('0x') ? 2 : 0
  const at = digits + Math.floor(random() * (text.length - digits))
  return (
    text.slice(0, at) +
    ((Number.parseInt(text[at] as string, 16) + 1 + Math.floor(random() * 15)) % 16).toString(16) +
    text.slice(at + 1)
  )
}
const randomHex = (random: Random, digits = 64) =>
  Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('')

/** A random record of a kind, or the first or last. */
function of({ records, random }: Work, kind: string, which: 'any' | 'last' = 'any'): Loose {
  const all = records.filter(record => record.kind === kind)
  return which === 'last' ? (all.at(-1) as Loose) : pick(random, all)
}
function parent(record: Loose, path: string): [Loose, string] {
  const names = path.split('.')
  let at = record
  for (const name of names.slice(0, -1)) at = at[name] as Loose
  return [at, names.at(-1) as string]
}
const get = (record: Loose, path: string) => {
  const [at, name] = parent(record, path)
  return at[name]
}
const put = (record: Loose, path: string, value: Json) => {
  const [at, name] = parent(record, path)
  at[name] = value
}
const flipped = (kind: string, path: string) => (work: Work) => {
  const record = of(work, kind)
  put(record, path, flipHex(get(record, path) as string, work.random))
}
const raised = (kind: string, path: string) => (work: Work) => {
  const record = of(work, kind)
  put(record, path, (get(record, path) as number) + 1 + Math.floor(work.random() * 9))
}
const body = (record: Loose) => record.body as Loose
const intents = (work: Work) =>
  work.records.find(r => r.kind === 'decision' && (body(r).result as Loose).type === 'intents') as Loose

/** Every kind of change. A body with `resign` is signed anew by its maker's key, which the attacker then holds, too. */
export const REWRITINGS: readonly Rewriting[] = [
  {
    name: 'run: the policy is another than its digest',
    first: /body\.policy\.digest/,
    change: flipped('run', 'body.policy.digest'),
  },
  { name: 'run: parameters', first: /paramsDigest/, change: flipped('run', 'body.strategy.paramsDigest') },
  {
    name: 'run: a second run record',
    first: /a second run record of one run/,
    change: work =>
      void work.records.splice(1 + Math.floor(work.random() * 3), 0, structuredClone(work.records[0] as Loose)),
  },
  {
    name: 'a record of no run',
    first: /no run record comes before it/,
    change(work) {
      const record = pick(work.random, work.records.slice(1))
      record.runId = randomHex(work.random, 32)
    },
  },
  {
    name: 'a record behind the close',
    first: /comes after the close/,
    change: work => void work.records.push({ ...structuredClone(of(work, 'observation')), seq: work.records.length }),
  },
  {
    name: 'seq',
    first: /\) seq is/,
    change: work => put(pick(work.random, work.records), 'seq', 90 + Math.floor(work.random() * 99)),
  },
  {
    name: 'a parent that is not there',
    first: /parents .* is not an earlier entry/,
    change: work => void (pick(work.random, work.records).parents as Json[]).push(randomHex(work.random)),
  },
  {
    name: 'an unknown field',
    first: /record: .*(nrecognized)/,
    change(work) {
      const record = pick(work.random, work.records)
      put(record, pick(work.random, ['note', 'body.note']), 'x')
    },
  },
  {
    name: 'an unknown version',
    first: /record: v: /,
    change: work => put(pick(work.random, work.records), 'v', pick(work.random, [1, 2])),
  },
  {
    name: 'an unknown kind',
    first: /unknown record kind/,
    change: work => put(pick(work.random, work.records.slice(1)), 'kind', 'memo'),
  },
  {
    name: 'bytes that are not canonical',
    first: /not the canonical encoding/,
    change(work) {
      const i = 1 + Math.floor(work.random() * (work.records.length - 1))
      const text = JSON.stringify(work.records[i])
      // The same members in another order.
      const record = Object.fromEntries(Object.entries(work.records[i] as Loose).sort(([a], [b]) => (a < b ? 1 : -1)))
      work.raw.set(i, utf8(work.random() < 0.5 ? `${text} ` : JSON.stringify(record)))
    },
  },
  {
    name: 'bytes that are no JSON',
    first: /not JSON|not valid UTF-8/,
    change(work) {
      const i = 1 + Math.floor(work.random() * (work.records.length - 1))
      const text = canonicalBytes(work.records[i])
      work.raw.set(
        i,
        work.random() < 0.5 ? text.slice(0, -1 - Math.floor(work.random() * 9)) : concat(text, Uint8Array.of(0xff)),
      )
    },
  },
  { name: 'request: number', first: /body\.number/, change: raised('request', 'body.number') },
  { name: 'request: digest of its input', first: /body\.inputDigest/, change: flipped('request', 'body.inputDigest') },
  {
    name: 'request: another input',
    first: /body\.inputDigest/,
    change(work) {
      const tensor = (body(of(work, 'request')).input as Loose).tensor as Loose
      const bytes = Buffer.from(tensor.data as string, 'base64')
      const at = Math.floor(work.random() * bytes.length)
      bytes[at] = (bytes[at] as number) ^ (1 << Math.floor(work.random() * 8))
      tensor.data = bytes.toString('base64')
    },
  },
  {
    name: 'request: an observation that is not there',
    first: /body\.observation is no earlier observation/,
    change: work => put(body(of(work, 'request')), 'observation', randomHex(work.random)),
  },
  {
    name: 'request: another model',
    first: /body\.model is not a model of this run/,
    change: flipped('request', 'body.model'),
  },
  {
    name: 'response: of no request',
    first: /body\.request is no open request/,
    change: work => put(body(of(work, 'response')), 'request', randomHex(work.random)),
  },
  {
    name: 'response: a second one',
    first: /body\.request is no open request/,
    change(work) {
      const i = work.records.findIndex(record => record.kind === 'response')
      work.records.splice(i + 1, 0, structuredClone(work.records[i] as Loose))
      for (const [seq, record] of work.records.entries()) record.seq = seq
    },
  },
  { name: 'response: number', first: /\(response\) body\.number is/, change: raised('response', 'body.number') },
  {
    name: 'response: a weaker proof than asked for',
    first: /proof\.kind is signed/,
    change: work => void put(of(work, 'response'), 'body.result.proof', { kind: 'signed' }),
  },
  { name: 'seal: another epoch', first: /body\.epoch is/, change: raised('seal', 'body.epoch') },
  { name: 'seal: more answers', first: /body\.receipts is/, change: raised('seal', 'body.receipts') },
  { name: 'seal: other answers', first: /body\.receiptsRoot is/, change: flipped('seal', 'body.receiptsRoot') },
  {
    name: 'response: another trace',
    first: /proof\.trace does not have the digest/,
    change: work => void put(of(work, 'response'), 'body.result.proof.trace.inline', 'AAAA'),
  },
  ...(['nonce', 'model', 'inputDigest', 'outputDigest'] as const).map(field => ({
    name: `receipt: ${field}`,
    first: new RegExp(`receipt\\.${field} is`),
    change: flipped('response', `body.result.receipt.statement.${field}`),
  })),
  {
    name: 'response: another output',
    first: /receipt\.outputDigest is/,
    change(work) {
      const tensor = get(of(work, 'response'), 'body.result.output.tensor') as Loose
      const bytes = Buffer.from(tensor.data as string, 'base64')
      bytes[Math.floor(work.random() * 4)] = Math.floor(work.random() * 256)
      tensor.data = Buffer.from(bytes.map(byte => byte ^ 0x11)).toString('base64')
    },
  },
  {
    name: 'receipt: a worker of no run',
    first: /is not listed in the run/,
    change: work =>
      void put(
        of(work, 'response'),
        'body.result.receipt.statement.worker',
        `worker-${Math.floor(work.random() * 1e6) + 2}`,
      ),
  },
  {
    name: 'receipt: times, which only the signature covers',
    first: /not in the batch that its worker signed/,
    change: raised('response', 'body.result.receipt.statement.finishedMs'),
  },
  {
    name: 'receipt: signature',
    first: /the signature is not that of worker/,
    change: flipped('response', 'body.result.receipt.signature'),
  },
  {
    name: 'a request without an answer',
    first: /never got a terminal state/,
    change(work) {
      // The seal goes, so that it does not tell.
      work.records.splice(
        work.records.findIndex(record => record.kind === 'seal'),
        1,
      )
      // The answer goes, and everything that named it; the agent says that it missed its tick.
      const i = work.records.findLastIndex(record => record.kind === 'response')
      work.records.splice(i, 1)
      const decision = of(work, 'decision', 'last')
      const seen = body(decision).observation as string
      body(decision).doors = []
      body(decision).result = { type: 'missed', reason: 'x'.repeat(1 + Math.floor(work.random() * 50)) }
      decision.parents = [seen]
      body(decision).resign = true
      body(of(work, 'incident')).resign = true
      for (const [seq, record] of work.records.entries()) record.seq = seq
    },
  },
  { name: 'decision: tick', first: /body\.tick is/, change: raised('decision', 'body.tick') },
  { name: 'decision: strategy', first: /body\.strategy is/, change: flipped('decision', 'body.strategy') },
  { name: 'decision: parameters', first: /body\.params is/, change: flipped('decision', 'body.params') },
  {
    name: 'decision: the observation of another tick',
    first: /body\.observation is not the observation of this tick/,
    change(work) {
      const first = intents(work)
      const last = of(work, 'decision', 'last')
      body(last).observation = body(first).observation as string
      body(last).result = { type: 'hold', reason: randomHex(work.random, 8) }
    },
  },
  {
    name: 'decision: an answer that was never given',
    first: /body\.doors\.\d+ .* is (no earlier answer|not the observation of this tick)/,
    change(work) {
      const door = pick(work.random, body(of(work, 'decision')).doors as Loose[])
      door.answer = randomHex(work.random)
    },
  },
  {
    name: 'proposal: other terms, signed by nobody',
    first: /\(proposal\) body\.signature is not the agent's/,
    change(work) {
      const proposal = of(work, 'proposal')
      const call = pick(work.random, body(proposal).calls as Loose[])
      call.data = flipHex(call.data as string, work.random)
    },
  },
  {
    name: 'proposal: signature',
    first: /body\.signature is not the agent's/,
    change: flipped('proposal', 'body.signature'),
  },
  {
    name: 'proposal: of no decision, signed by the agent',
    first: /body\.decision is no earlier decision of this run with intents/,
    change(work) {
      const proposal = of(work, 'proposal')
      body(proposal).decision = randomHex(work.random)
      body(proposal).resign = true
    },
  },
  {
    name: 'verdict: of no proposal',
    first: /\(verdict\) body\.proposal is no earlier proposal/,
    change: work => put(body(of(work, 'verdict')), 'proposal', randomHex(work.random)),
  },
  {
    name: 'verdict: digest of the proposal',
    first: /\(verdict\) body\.proposalDigest/,
    change: flipped('verdict', 'body.proposalDigest'),
  },
  {
    name: 'verdict: a check says something else',
    first: /\(verdict\) body\.signature the report is not signed/,
    change: work =>
      put(pick(work.random, body(of(work, 'verdict')).checks as Loose[]), 'detail', randomHex(work.random, 9)),
  },
  {
    name: 'verdict: approved against a check, by the verifier itself',
    first: /body\.answer is approve, but not every check passed/,
    change(work) {
      const verdict = body(of(work, 'verdict'))
      pick(work.random, verdict.checks as Loose[]).ok = false
      verdict.resign = true
    },
  },
  {
    name: 'verdict: approved without a signature, by the verifier itself',
    first: /body\.signature stands with an approval/,
    change(work) {
      const verdict = body(of(work, 'verdict'))
      verdict.signature = null
      verdict.valueAtRiskUsd = Math.floor(work.random() * 1e6)
      verdict.resign = true
    },
  },
  {
    name: 'verdict: the signature for the chain',
    first: /is not the EIP-712 signature of its signer/,
    change(work) {
      const verdict = body(of(work, 'verdict'))
      // Within r, so that the signature stays well-formed.
      const signature = verdict.signature as string
      verdict.signature = `0x${flipHex(signature.slice(2, 66), work.random)}${signature.slice(66)}`
      verdict.resign = true
    },
  },
  {
    name: 'verdict: signed by a stranger',
    first: /\(verdict\) body\.signer .* is not a verifier/,
    change: flipped('verdict', 'body.signer'),
  },
  {
    name: 'submission: of no proposal',
    first: /\(submission\) body\.proposal is no earlier proposal/,
    change: work => put(body(of(work, 'submission')), 'proposal', randomHex(work.random)),
  },
  {
    name: 'submission: a verdict that does not approve',
    first: /\(submission\) body\.verdicts/,
    change: work => put(body(of(work, 'submission')), 'verdicts', [randomHex(work.random)]),
  },
  {
    name: 'submission: transaction hash',
    first: /body\.transactionHash/,
    change: flipped('submission', 'body.transactionHash'),
  },
  {
    name: 'submission: another transaction',
    first: /body\.transactionHash|body\.rawTransaction/,
    change: flipped('submission', 'body.rawTransaction'),
  },
  {
    name: 'submission: other calls under the same digest and nonce',
    first: /\(submission\) body\.rawTransaction calls\.0\.data is 0x\w+, the proposal says 0x\w+/,
    change: work => put(body(of(work, 'submission')), 'resign', true),
  },
  { name: 'submission: from', first: /body\.from/, change: flipped('submission', 'body.from') },
  { name: 'submission: nonce', first: /body\.accountNonce/, change: raised('submission', 'body.accountNonce') },
  {
    name: 'outcome: of no submission',
    first: /body\.submission is no earlier submission/,
    change: work => put(body(of(work, 'outcome')), 'submission', randomHex(work.random)),
  },
  {
    name: 'outcome: other effects',
    first: /\(outcome\) body\.signature the report is not signed/,
    change: work => put(body(of(work, 'outcome')), 'gasUsed', String(Math.floor(work.random() * 1e9))),
  },
  {
    name: 'outcome: of another transaction',
    first: /\(outcome\) body\.transactionHash/,
    change(work) {
      const outcome = of(work, 'outcome')
      put(body(outcome), 'transactionHash', `0x${randomHex(work.random)}`)
      put(body(outcome), 'resign', true)
    },
  },
  {
    name: 'outcome: of another proposal',
    first: /\(outcome\) body\.proposal/,
    change(work) {
      const outcome = of(work, 'outcome')
      put(body(outcome), 'proposal', randomHex(work.random))
      put(body(outcome), 'resign', true)
    },
  },
  { name: 'close: decisions', first: /body\.decisions/, change: raised('close', 'body.decisions') },
  { name: 'close: requests', first: /body\.requests/, change: raised('close', 'body.requests') },
  // Changes of files: what re-hashing the tree does not hide.
  { name: 'file: a hash of a tile', first: /does not hold the hashes/, change: () => {} },
  { name: 'file: the checkpoint of another tree', first: /its root is .* the entries have/, change: () => {} },
  { name: 'file: a bundle cut short', first: /entry bundle/, change: () => {} },
  { name: 'file: a payload', first: /is not what its digest names/, change: () => {} },
  { name: 'file: payloads gone', first: /missing blob .*: the log is whole/, change: () => {} },
  { name: 'file: something else', first: /is no part of this log/, change: () => {} },
  { name: 'file: the key beside it', first: /is not the key that the log is verified with/, change: () => {} },
]

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { createRecordChecker, type RecordChecker } from '#verifier/audit/recordChecker.ts'
import { fromBase64, toBase64, toHex } from '#verifier/evidence/bytes.ts'
import { decodeRecord } from '#verifier/evidence/record.ts'
import { hashLeaf } from '#verifier/log/merkle.ts'
import type { Finding } from '#verifier/log/verifyTree.ts'
import { forgedEntries, readWholeLog, type WholeLog } from '../../../test/attack/contradictedLogs.ts'
import { CONTRADICTIONS } from '../../../test/attack/contradictions.ts'
import { demoLog } from '../../../test/support/demoLog.ts'
import type { Scope } from './ruleContext.ts'

// Every lie that one record can tell about another, told by somebody who holds every key, record by record: without a tree.
// Rules may be named, where only some are looked at.
const only = process.env.WARRANT_RULES?.split(',') ?? null
const LIES = CONTRADICTIONS.map((lie, seed) => ({ ...lie, seed })).filter(
  ({ rule }) => only === null || only.includes(rule),
)
let dir: string
let whole: WholeLog
beforeAll(async () => {
  dir = demoLog()
  whole = await readWholeLog(dir)
}, 400_000)

async function read(
  entries: readonly Uint8Array[],
  scope: Scope = 'log',
): Promise<{ findings: Finding[]; records: RecordChecker }> {
  const records = createRecordChecker(nodeCrypto, { scope })
  const findings: Finding[] = []
  for (const [index, entry] of entries.entries())
    findings.push(...(await records.check(entry, index, hashLeaf(nodeCrypto, entry))))
  return { findings: [...findings, ...(await records.settle()), ...records.keyFindings(whole.vkey)], records }
}

/** A log made anew around a lie; kept beside the demo's, for it takes longer than reading it. */
async function lying({ seed, tell }: (typeof LIES)[number]): Promise<Uint8Array[]> {
  const kept = join(dir, 'forged', `${seed}.json`)
  if (existsSync(kept)) return (JSON.parse(readFileSync(kept, 'utf8')) as string[]).map(text => fromBase64(text))
  const entries = await forgedEntries(whole, seed, tell)
  mkdirSync(join(dir, 'forged'), { recursive: true })
  writeFileSync(kept, JSON.stringify(entries.map(toBase64)))
  return entries
}

const recordsOf = (kind: string) =>
  whole.entries
    .map((entry, index) => ({ record: decodeRecord(entry), index, leaf: toHex(hashLeaf(nodeCrypto, entry)) }))
    .filter(({ record }) => record.kind === kind)

test('an honest log breaks no rule, and is known whole', async () => {
  const { findings, records } = await read(whole.entries)
  expect(findings).toEqual([])
  expect(records.open()).toEqual([])
  expect(await records.settle()).toEqual([])
  const counts: Record<string, number> = {}
  for (const entry of whole.entries) {
    const { kind } = decodeRecord(entry)
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  expect(records.counts).toEqual(counts)
  expect(records.runs.size).toBe(counts.run)
  expect(records.logKeys).toEqual([whole.vkey])
  expect(records.keyFindings('another')).toMatchObject([
    { where: 'entry 0 (run) body.keys.log', reason: `is ${whole.vkey}, expected another`, rule: 'R14' },
  ])
  for (const { record, leaf } of recordsOf('proposal')) {
    if (record.kind !== 'proposal') continue
    expect(records.find(leaf, 'proposal')?.body.nonce).toBe(record.body.nonce)
    expect(records.find(leaf, 'verdict')).toBeNull()
    expect(records.proposalsOf(record.body.decision).map(({ body }) => body)).toContainEqual(record.body)
    expect(records.approvalsOf(leaf)).toEqual([])
    const digest = records.firstWithNonce(record.body.module, record.body.nonce)
    expect(records.proposalOf(digest ?? '')?.body.nonce).toBe(record.body.nonce)
    expect(records.firstWithNonce(record.body.module, `0${record.body.nonce}`)).toBe(digest)
  }
  const verdicts = recordsOf('verdict')
  for (const { record } of verdicts) {
    if (record.kind !== 'verdict') continue
    const { signer } = record.body
    const last = verdicts.findLast(other => other.record.kind === 'verdict' && other.record.body.signer === signer)
    expect(records.lastVerdictOf(signer)).toBe(last?.leaf)
  }
  expect(records.lastVerdictOf('0x00')).toBeNull()
  expect(records.firstWithNonce('0x00', '1')).toBeNull()
  expect(records.proposalOf('00')).toBeNull()
  expect(records.proposalsOf('00')).toEqual([])
})

test('what an honest log names beside itself is told, with where', async () => {
  const { records } = await read(whole.entries)
  expect(records.blobs.length).toBeGreaterThan(0)
  for (const { ref, where } of records.blobs) {
    expect(ref.sha256).toMatch(/^[0-9a-f]{64}$/)
    expect(where).toMatch(
      /^entry \d+ \((run|response|incident|verdict)\) body\.(strategy|models|result\.proof|evidence|facts)/,
    )
  }
  const fields = records.blobs.map(({ where }) => where.split(' ')[3])
  expect(fields).toContain('body.strategy.bundle')
  expect(fields).toContain('body.models.0.file')
})

describe('each lie breaks its rule, and no other', () => {
  test.each(LIES.map(lie => [lie.rule, lie.name, lie] as const))('%s: %s', async (rule, name, lie) => {
    const { findings } = await read(await lying(lie))
    const broken = new Set(findings.map(finding => finding.rule))
    expect([...broken], name).toContain(rule)
    const allowed = new Set<unknown>([rule, ...(lie.also ?? [])])
    expect([...broken].filter(one => !allowed.has(one))).toEqual([])
    for (const { where, reason } of findings) {
      expect(where).toMatch(/^entry \d+/)
      expect(reason.length).toBeGreaterThan(5)
    }
  })
})

describe('of an excerpt, what counts the records between is not checked', () => {
  test.each(['incident', 'seal', 'observation'])('without its records of kind %s', async kind => {
    const left = whole.entries.filter(entry => decodeRecord(entry).kind !== kind)
    const rules = new Set((await read(left, 'excerpt')).findings.map(({ rule }) => rule))
    for (const rule of ['R4', 'R5', 'R12', 'R18', 'R44', 'R51', 'R58', 'R59', 'R60', 'R61'])
      expect(rules).not.toContain(rule)
    if (kind === 'incident' || kind === 'seal') expect([...rules]).toEqual([])
  })
})

test('a log that was cut off says what is unfinished', async () => {
  for (let cut = 1; cut < whole.entries.length; cut += 19) {
    const { findings, records } = await read(whole.entries.slice(0, cut))
    expect(findings).toEqual([])
    const runs = new Set<string>()
    const [requests, proposals, submissions] = [
      new Map<string, number>(),
      new Map<string, number>(),
      new Map<string, number>(),
    ]
    const add = (into: Map<string, number>, runId: string, by: number) => into.set(runId, (into.get(runId) ?? 0) + by)
    const leaves = new Map<string, string>()
    const open = new Set<string>()
    for (const entry of whole.entries.slice(0, cut)) {
      const record = decodeRecord(entry)
      const leaf = toHex(hashLeaf(nodeCrypto, entry))
      leaves.set(leaf, record.runId)
      if (record.kind === 'run') runs.add(record.runId)
      if (record.kind === 'close') runs.delete(record.runId)
      if (record.kind === 'request') add(requests, record.runId, 1)
      if (record.kind === 'response') add(requests, record.runId, -1)
      const end = (id: string, into: Map<string, number>) => {
        if (open.delete(id)) add(into, leaves.get(id) ?? '', -1)
      }
      if (record.kind === 'proposal') {
        open.add(leaf)
        add(proposals, record.runId, 1)
      }
      if (record.kind === 'verdict' && record.body.answer === 'deny') end(record.body.proposal, proposals)
      if (record.kind === 'submission') {
        end(record.body.proposal, proposals)
        open.add(leaf)
        add(submissions, record.runId, 1)
      }
      if (record.kind === 'outcome') end(record.body.submission, submissions)
      if (record.kind === 'incident')
        for (const parent of record.parents) {
          const before = decodeRecord(whole.entries.find(e => toHex(hashLeaf(nodeCrypto, e)) === parent) ?? entry)
          end(parent, before.kind === 'submission' ? submissions : proposals)
        }
    }
    expect(records.open()).toEqual(
      [...runs].map(runId => ({
        ...{ runId, requests: requests.get(runId) ?? 0 },
        ...{ proposals: proposals.get(runId) ?? 0, submissions: submissions.get(runId) ?? 0 },
      })),
    )
  }
})

import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import type { RecordChecker } from '#verifier/audit/recordChecker.ts'
import { verifyLog } from '#verifier/audit/verifyLog.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import { keyName, logKeyFor } from './logKey.ts'

export type Story = {
  decisionLeaf: string
  run: RecordOf<'run'>
  decision: RecordOf<'decision'>
  observation: RecordOf<'observation'> | null
  calls: { request: RecordOf<'request'> | null; response: RecordOf<'response'> }[]
  proposals: { leaf: string; record: RecordOf<'proposal'> }[]
  approvals: RecordOf<'approval'>[]
  verdicts: RecordOf<'verdict'>[]
  submissions: { leaf: string; record: RecordOf<'submission'> }[]
  outcomes: RecordOf<'outcome'>[]
  fills: RecordOf<'fill'>[]
  incidents: RecordOf<'incident'>[]
}

/** `from`: what the story was taken from, and verified with. */
export type Explanation = Story & {
  from: 'log' | 'warrant'
  verified: boolean
  findings: number
  /** Name and id of the key that it was verified with, and whether the reader gave it. */
  key: string
  pinned: boolean
}

export type StoryCollector = {
  /** Takes a record, in the order of the log. */
  onRecord(leaf: string, records: RecordChecker): void
  /** The story that a tick, a leaf hash of any of its records, or its transaction's hash names. */
  find(what: string): Story | null
}

/** Gathers, record by record, what belongs to each decision. */
export function createStoryCollector(): StoryCollector {
  const stories = new Map<string, Story>()
  const byRecord = new Map<string, Story>()
  function onRecord(leaf: string, records: RecordChecker): void {
    const decision = records.find(leaf, 'decision')
    const run = decision === null ? undefined : records.runs.get(decision.runId)?.run
    if (decision !== null && run !== undefined) {
      const calls = decision.body.doors.flatMap(use => {
        const response = records.find(use.answer, 'response')
        return response === null ? [] : [{ request: records.find(response.body.request, 'request'), response }]
      })
      const story: Story = {
        ...{
          decisionLeaf: leaf,
          run,
          decision,
          calls,
          proposals: [],
          approvals: [],
          verdicts: [],
          submissions: [],
          outcomes: [],
          fills: [],
          incidents: [],
        },
        observation: decision.body.observation === null ? null : records.find(decision.body.observation, 'observation'),
      }
      stories.set(leaf, story)
      for (const id of [leaf, decision.body.observation, ...decision.body.doors.map(use => use.answer)])
        if (id !== null) byRecord.set(id, story)
    }
    const attach = <K extends 'proposal' | 'approval' | 'verdict' | 'submission' | 'outcome' | 'fill'>(
      kind: K,
      parent: (record: RecordOf<K>) => string,
      add: (story: Story, record: RecordOf<K>) => void,
    ) => {
      const record = records.find(leaf, kind)
      const story = record === null ? undefined : (stories.get(parent(record)) ?? byRecord.get(parent(record)))
      if (record === null || story === undefined) return
      add(story, record)
      byRecord.set(leaf, story)
    }
    attach(
      'proposal',
      r => r.body.decision,
      (s, record) => s.proposals.push({ leaf, record }),
    )
    attach(
      'approval',
      r => r.body.proposal,
      (s, record) => s.approvals.push(record),
    )
    attach(
      'verdict',
      r => r.body.proposal,
      (s, record) => s.verdicts.push(record),
    )
    attach(
      'submission',
      r => r.body.proposal,
      (s, record) => {
        s.submissions.push({ leaf, record })
        byRecord.set(record.body.transactionHash, s)
      },
    )
    attach(
      'outcome',
      r => r.body.submission,
      (s, record) => s.outcomes.push(record),
    )
    attach(
      'fill',
      r => r.body.decision,
      (s, record) => s.fills.push(record),
    )
    const incident = records.find(leaf, 'incident')
    for (const story of new Set(incident?.parents.flatMap(parent => byRecord.get(parent) ?? [])))
      story.incidents.push(incident as RecordOf<'incident'>)
  }
  return {
    onRecord,
    find(what) {
      const byTick = /^\d+$/.test(what)
        ? [...stories.values()].find(s => s.decision.body.tick === Number(what))
        : undefined
      return byRecord.get(what.toLowerCase()) ?? byTick ?? null
    },
  }
}

/** Everything in a log about one decision. @throws EVIDENCE_MISSING when nothing matches */
export async function explainDecision(dir: string, what: string, vkey?: string): Promise<Explanation> {
  const { key, pinned } = logKeyFor(dir, vkey)
  const stories = createStoryCollector()
  const report = await verifyLog({ files: openLogFiles(dir), crypto: nodeCrypto, key }, (leaf, _index, records) =>
    stories.onRecord(leaf, records),
  )
  const story = stories.find(what)
  if (story === null)
    throw new WarrantError('EVIDENCE_MISSING', `${what}: no decision, record or transaction of that name in ${dir}`)
  return {
    ...story,
    from: 'log',
    verified: report.ok,
    findings: report.findings.length,
    key: keyName(key),
    pinned,
  }
}

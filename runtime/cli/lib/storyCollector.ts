import type { RecordOf } from '#verifier/evidence/record.ts'
import type { Records } from './reading/readLog.ts'

/** One decision, with everything that it rests on and that came of it. */
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

export type StoryCollector = {
  /** Takes a record, in the order of the log. */
  onRecord(leaf: string, index: number, records: Records): void
  /** The story that a tick, a leaf hash of any of its records, or its transaction's hash names. */
  find(what: string): Story | null
  /** All of them, in order. */
  all(): Story[]
  /** Where a record of a story stands. */
  indexOf(leaf: string): number | null
}

/** Gathers, record by record, what belongs to each decision. */
export function createStoryCollector(): StoryCollector {
  const stories = new Map<string, Story>()
  const byRecord = new Map<string, Story>()
  const indices = new Map<string, number>()
  function onRecord(leaf: string, index: number, records: Records): void {
    indices.set(leaf, index)
    const decision = records.find(leaf, 'decision')
    const run = decision === null ? undefined : records.runs.get(decision.runId)?.run
    if (decision !== null && run !== undefined) {
      const calls = decision.body.doors.flatMap(use => {
        const response = records.find(use.answer, 'response')
        return response === null ? [] : [{ request: records.find(response.body.request, 'request'), response }]
      })
      const { observation } = decision.body
      const story: Story = {
        decisionLeaf: leaf,
        run,
        decision,
        observation: observation === null ? null : records.find(observation, 'observation'),
        calls,
        proposals: [],
        approvals: [],
        verdicts: [],
        submissions: [],
        outcomes: [],
        fills: [],
        incidents: [],
      }
      stories.set(leaf, story)
      for (const id of [leaf, observation, ...decision.body.doors.map(use => use.answer)])
        if (id !== null) byRecord.set(id, story)
      for (const { response } of calls) byRecord.set(response.body.request, story)
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
    all: () => [...stories.values()],
    indexOf: leaf => indices.get(leaf) ?? null,
    find(what) {
      const byTick = /^\d+$/.test(what)
        ? [...stories.values()].find(s => s.decision.body.tick === Number(what))
        : undefined
      return byRecord.get(what.toLowerCase()) ?? byTick ?? null
    },
  }
}

import type { RecordOf } from '#verifier/evidence/record.ts'
import type { Records } from './reading/readLog.ts'

/** What an audit takes from a log. */
export type AuditedRecords = {
  runs: Map<string, RecordOf<'run'>>
  outcomes: RecordOf<'outcome'>[]
  submissions: { byHash: Map<string, RecordOf<'submission'>>; byLeaf: Map<string, RecordOf<'submission'>> }
  /** By leaf hash. */
  proposals: Map<string, RecordOf<'proposal'>>
  /** The lowest block that a run's observations name, by run id. */
  firstBlocks: Map<string, number>
}

/** Collects it while the log is verified. */
export function collectAudited(): AuditedRecords & {
  take(leaf: string, index: number, records: Records): void
} {
  const runs: AuditedRecords['runs'] = new Map()
  const outcomes: AuditedRecords['outcomes'] = []
  const submissions: AuditedRecords['submissions'] = { byHash: new Map(), byLeaf: new Map() }
  const proposals: AuditedRecords['proposals'] = new Map()
  const firstBlocks: AuditedRecords['firstBlocks'] = new Map()
  return {
    runs,
    outcomes,
    submissions,
    proposals,
    firstBlocks,
    take(leaf, _index, records) {
      const run = records.find(leaf, 'run')
      if (run !== null && !runs.has(run.runId)) runs.set(run.runId, run)
      const outcome = records.find(leaf, 'outcome')
      if (outcome !== null) outcomes.push(outcome)
      const proposal = records.find(leaf, 'proposal')
      if (proposal !== null) proposals.set(leaf, proposal)
      const submission = records.find(leaf, 'submission')
      if (submission !== null) {
        submissions.byHash.set(submission.body.transactionHash, submission)
        submissions.byLeaf.set(leaf, submission)
      }
      const observation = records.find(leaf, 'observation')
      const block = observation?.body.provenance.chain?.blockNumber
      if (observation === null || block === undefined) return
      firstBlocks.set(observation.runId, Math.min(block, firstBlocks.get(observation.runId) ?? block))
    },
  }
}

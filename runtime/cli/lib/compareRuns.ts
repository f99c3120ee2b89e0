import { canonicalize } from '#verifier/evidence/canonical.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { readLog } from './reading/readLog.ts'

/** What is compared of one decision, as canonical text. */
type Tick = { tick: number; time: string; saw: string; asked: string; decided: string; became: string }

export type ParityReport = {
  compared: number
  identical: number
  different: number
  onlyInA: number
  onlyInB: number
  differences: { time: string; tick: number; field: string; a: string; b: string }[]
}

/** `vkeys`: of the first and of the second log; without them the pinned ones, else those that lie beside the logs. */
export type CompareRunsOptions = { run?: number | null; vkeys?: readonly (string | undefined)[] }

/**
 * Compares two logs decision by decision, over all runs of each, by the market time that a decision was made at; of several
 * at one time, in order. `run`: the number of the one run to compare, from 1. @throws EVIDENCE_MALFORMED when a log does not verify
 */
export async function compareRuns(
  a: string,
  b: string,
  { run = null, vkeys = [] }: CompareRunsOptions = {},
): Promise<ParityReport> {
  const [first, second] = await Promise.all([ticksOf(a, run, vkeys[0]), ticksOf(b, run, vkeys[1])])
  const report: ParityReport = { compared: 0, identical: 0, different: 0, onlyInA: 0, onlyInB: 0, differences: [] }
  for (const [key, { tick, time, ...one }] of first) {
    const other = second.get(key)
    if (other === undefined) {
      report.onlyInA++
      continue
    }
    report.compared++
    const fields = (Object.keys(one) as (keyof typeof one)[]).filter(field => one[field] !== other[field])
    if (fields.length === 0) report.identical++
    else report.different++
    for (const field of fields) {
      if (report.differences.length < 50)
        report.differences.push({ time, tick, field, a: one[field].slice(0, 300), b: other[field].slice(0, 300) })
    }
  }
  report.onlyInB = [...second.keys()].filter(key => !first.has(key)).length
  return report
}

async function ticksOf(dir: string, run: number | null, vkey: string | undefined): Promise<Map<string, Tick>> {
  const ticks = new Map<string, Tick>()
  const seen = new Map<string, number>()
  const runs: string[] = []
  const decisions = new Map<string, Tick>()
  // Both are one's own as a rule: what is compared is what they say, not whose they are.
  const { report } = await readLog(dir, { vkey, unpinned: true }, (leaf, _index, records) => {
    const decision = records.find(leaf, 'decision')
    const runId = records.find(leaf, 'run')?.runId
    if (runId !== undefined) runs.push(runId)
    if (decision !== null && (run === null || decision.runId === runs[run - 1])) {
      const { observation, doors, result, tick } = decision.body
      const view = observation === null ? null : (records.find(observation, 'observation')?.body.view ?? null)
      // A tick that saw nothing stands where its record does.
      const time = new Date(view?.timeMs ?? decision.atMs).toISOString()
      const tickRecord: Tick = {
        tick,
        time,
        // The number of a tick is its run's own.
        saw: view === null ? 'nothing' : canonicalize({ ...view, tick: 0 }),
        asked: doors
          .flatMap(use => {
            const response = records.find(use.answer, 'response')?.body.result
            return use.door === 'observe'
              ? []
              : [`${use.asked} → ${response?.status === 'ok' ? response.receipt.statement.outputDigest : 'failed'}`]
          })
          .join('; '),
        decided: canonicalize(result),
        became: 'nothing',
      }
      const nth = seen.get(time) ?? 0
      seen.set(time, nth + 1)
      ticks.set(`${time} ${nth}`, tickRecord)
      decisions.set(leaf, tickRecord)
    }
    const fill = records.find(leaf, 'fill')
    const filled = fill === null ? undefined : decisions.get(fill.body.decision)
    if (fill !== null && filled !== undefined) filled.became = canonicalize([fill.body.status, fill.body.changes])
    const outcome = records.find(leaf, 'outcome')
    const proposal = outcome === null ? null : records.find(outcome.body.proposal, 'proposal')
    const executed = proposal === null ? undefined : decisions.get(proposal.body.decision)
    if (outcome !== null && executed !== undefined) {
      executed.became = canonicalize([
        outcome.body.status,
        Object.fromEntries(outcome.body.changes.map(c => [c.asset, c.change])),
      ])
    }
  })
  const [finding] = report.findings
  if (finding !== undefined) throw new WarrantError('EVIDENCE_MALFORMED', `${dir}: ${finding.where}: ${finding.reason}`)
  return ticks
}

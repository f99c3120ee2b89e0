import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { verifyLog } from '#verifier/audit/verifyLog.ts'
import { canonicalize } from '#verifier/evidence/canonical.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { logKeyFor } from './logKey.ts'

/** What is compared of one tick, as canonical text. */
type Tick = { saw: string; asked: string; decided: string; became: string }

export type ParityReport = {
  compared: number
  identical: number
  different: number
  onlyInA: number
  onlyInB: number
  differences: { tick: number; field: string; a: string; b: string }[]
}

/** Compares the first run of two logs, tick by tick. @throws EVIDENCE_MALFORMED when a log does not verify */
export async function compareRuns(a: string, b: string): Promise<ParityReport> {
  const [first, second] = await Promise.all([ticksOf(a), ticksOf(b)])
  const report: ParityReport = { compared: 0, identical: 0, different: 0, onlyInA: 0, onlyInB: 0, differences: [] }
  for (const [tick, one] of first) {
    const other = second.get(tick)
    if (other === undefined) {
      report.onlyInA++
      continue
    }
    report.compared++
    const fields = (Object.keys(one) as (keyof Tick)[]).filter(field => one[field] !== other[field])
    if (fields.length === 0) report.identical++
    else report.different++
    for (const field of fields) {
      if (report.differences.length < 50)
        report.differences.push({ tick, field, a: one[field].slice(0, 300), b: other[field].slice(0, 300) })
    }
  }
  report.onlyInB = [...second.keys()].filter(tick => !first.has(tick)).length
  return report
}

async function ticksOf(dir: string): Promise<Map<number, Tick>> {
  const ticks = new Map<number, Tick>()
  const decisions = new Map<string, Tick>()
  let runId: string | null = null
  const { key } = logKeyFor(dir, undefined)
  const report = await verifyLog({ files: openLogFiles(dir), crypto: nodeCrypto, key }, (leaf, _index, records) => {
    runId ??= records.find(leaf, 'run')?.runId ?? null
    const decision = records.find(leaf, 'decision')
    if (decision !== null && decision.runId === runId) {
      const { observation, doors, result, tick } = decision.body
      const tickRecord: Tick = {
        saw:
          observation === null ? 'nothing' : canonicalize(records.find(observation, 'observation')?.body.view ?? null),
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
      ticks.set(tick, tickRecord)
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

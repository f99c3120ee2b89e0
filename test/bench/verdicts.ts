import { join } from 'node:path'
import { logKeyFor } from '#runtime/cli/lib/logKey.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { runDemo } from '#runtime/demo/runDemo.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { decodeRecord } from '#verifier/evidence/record.ts'
import { CHECK_IDS } from '#verifier/evidence/records/verdict.ts'
import { verifyTree } from '#verifier/log/verifyTree.ts'
import { atMost, type Figure, quantile, reported } from './figure.ts'

/** How long the demo takes, and each verdict in it, by the times that the verifier wrote into its reports. */
export async function verdictFigures(
  dir: string,
  { decisions, p50, p99 }: { decisions: number; p50: number; p99: number },
): Promise<Figure[]> {
  const started = performance.now()
  const { report, close } = await runDemo(
    { decisions, seed: '1', out: join(dir, 'demo') },
    { say: () => {}, progress: () => {} },
  )
  const seconds = (performance.now() - started) / 1_000
  await close()
  const totals: number[] = []
  const perCheck: Record<string, number[]> = Object.fromEntries(CHECK_IDS.map(id => [id, []]))
  const { key } = logKeyFor(report.log.dir, report.log.vkey)
  await verifyTree({ files: openLogFiles(report.log.dir), crypto: nodeCrypto, key }, entry => {
    const record = decodeRecord(entry)
    if (record.kind !== 'verdict') return
    totals.push(record.body.checks.reduce((sum, check) => sum + check.micros, 0) / 1_000)
    for (const check of record.body.checks) perCheck[check.id]?.push(check.micros / 1_000)
  })
  // The first verdict of a verifier loads strategy and model; a steady state is what is asked for.
  const steady = totals.slice(1)
  const first = `${steady.length} verdicts, the nine checks; the first one took ${Math.round(totals[0] ?? 0)} ms (loads strategy and model)`
  return [
    atMost('demo-seconds', seconds, 's', 30, `${report.decisions} decisions, ${report.executed} executed, six attacks`),
    atMost('verdict-p50', quantile(steady, 0.5), 'ms', p50, first),
    atMost('verdict-p99', quantile(steady, 0.99), 'ms', p99),
    reported(
      'verdicts-per-second',
      (1_000 * steady.length) / steady.reduce((a, b) => a + b, 0),
      '/s',
      'one verifier, one after the other',
    ),
    ...CHECK_IDS.map(id => reported(`check-${id}-p50`, quantile(perCheck[id]?.slice(1) ?? [], 0.5), 'ms')),
  ]
}

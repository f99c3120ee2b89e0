import { join } from 'node:path'
import { logKeyFor } from '#runtime/cli/lib/logKey.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { runDemo } from '#runtime/demo/runDemo.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { decodeRecord } from '#verifier/evidence/record.ts'
import { decodeFacts } from '#verifier/judge/facts.ts'
import { readBlobs } from '#verifier/log/readBlobs.ts'
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
  const sizes: number[] = []
  const { key } = logKeyFor(report.log.dir, report.log.vkey)
  const files = openLogFiles(report.log.dir)
  const blobs = await readBlobs(files, nodeCrypto)
  await verifyTree({ files, crypto: nodeCrypto, key }, entry => {
    const record = decodeRecord(entry)
    if (record.kind !== 'verdict') return
    sizes.push(record.body.facts.size)
    totals.push(decodeFacts(blobs(record.body.facts)).tookMicros / 1_000)
  })
  // The first verdict of a verifier loads strategy and model; a steady state is what is asked for.
  const steady = totals.slice(1)
  const first = `${steady.length} verdicts, gathered and judged; the first one took ${Math.round(totals[0] ?? 0)} ms (loads strategy and model)`
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
    atMost('facts-bytes', quantile(sizes, 1), 'B', 16_384, 'the largest of them'),
  ]
}

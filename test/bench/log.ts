import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { rebuildLog } from '#runtime/log/rebuildLog.ts'
import { noteKey } from '#verifier/log/signedNote.ts'
import { verifyTree } from '#verifier/log/verifyTree.ts'
import { atLeast, atMost, type Figure, quantile, reported } from './figure.ts'

const signer = ed25519Signer(new Uint8Array(32).fill(9))
const origin = 'bench.example/log'
const body = (i: number) => ({
  what: 'bench',
  caughtBy: 'nobody',
  reason: `entry ${i}`,
  evidence: { padding: 'x'.repeat(600) },
})

/** The log alone: durable appends and verification, with a bare fdatasync of the same bytes beside them. */
export async function logBench(): Promise<Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'warrant-bench-'))
  try {
    return [...(await appends(dir)), ...(await verification(dir))]
  } finally {
    rmSync(dir, { recursive: true })
  }
}

async function appends(dir: string): Promise<Figure[]> {
  const log = openLog({ dir: join(dir, 'log'), origin, signer, clock: { nowMs: () => 1_700_000_000_000 } })
  const appender = log.startRun().appender('runtime')
  const batches = 100
  let started = performance.now()
  for (let b = 0; b < batches; b++)
    await Promise.all(Array.from({ length: 256 }, (_, i) => appender.append('incident', body(b * 256 + i)).durable))
  const batchedRate = (batches * 256) / ((performance.now() - started) / 1_000)

  const single: number[] = []
  for (let i = 0; i < 500; i++) {
    const since = performance.now()
    await appender.append('incident', body(i)).durable
    single.push(performance.now() - since)
  }
  await log.close()

  // The physical limit: the same bytes, written and synced by themselves.
  const fd = openSync(join(dir, 'raw'), 'w')
  const entry = Buffer.alloc(820, 'x')
  const batch = Buffer.alloc(820 * 256, 'x')
  started = performance.now()
  for (let b = 0; b < batches; b++) {
    writeSync(fd, batch)
    fdatasyncSync(fd)
  }
  const rawRate = (batches * 256) / ((performance.now() - started) / 1_000)
  const raw: number[] = []
  for (let i = 0; i < 500; i++) {
    const since = performance.now()
    writeSync(fd, entry)
    fdatasyncSync(fd)
    raw.push(performance.now() - since)
  }
  closeSync(fd)
  return [
    {
      ...atLeast('append-batched', batchedRate, 'entries/s', 25_000),
      baseline: `${(batchedRate / rawRate).toFixed(3)} of a bare write + fdatasync (${Math.round(rawRate)}/s)`,
    },
    {
      ...atMost('append-single-p50', quantile(single, 0.5), 'ms', 1),
      baseline: `${(quantile(single, 0.5) / quantile(raw, 0.5)).toFixed(2)} × a bare write + fdatasync`,
    },
    {
      ...atMost('append-single-p99', quantile(single, 0.99), 'ms', 5),
      baseline: `${(quantile(single, 0.99) / quantile(raw, 0.99)).toFixed(2)} × a bare write + fdatasync`,
    },
  ]
}

async function verification(dir: string): Promise<Figure[]> {
  const size = 300_000
  const at = join(dir, 'large')
  const entries = (function* () {
    for (let i = 0; i < size; i++) yield Buffer.from(`entry ${i} `.padEnd(100, '.'))
  })()
  rebuildLog({ dir: at, origin, signer, entries })
  const key = noteKey(nodeCrypto, origin, signer.publicKey)
  const started = performance.now()
  const report = await verifyTree({ files: openLogFiles(at), crypto: nodeCrypto, key }, () => {})
  const seconds = (performance.now() - started) / 1_000
  if (report.findings.length > 0) throw new Error(`the bench's own log does not verify: ${report.findings[0]?.reason}`)
  return [
    {
      ...reported(
        'verify-rate',
        size / seconds,
        'entries/s',
        'one core, 300,000 entries of 100 B, tree and tiles only',
      ),
      bar: '≥ 300000',
      holds: size / seconds >= 300_000,
    },
  ]
}

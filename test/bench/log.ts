import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  closeSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { rebuildLog } from '#runtime/log/rebuildLog.ts'
import { verifyUnits } from '#runtime/log/verifyUnits.ts'
import { encodeRecord } from '#verifier/evidence/record.ts'
import { formatVkey, type NoteKey, noteKey } from '#verifier/log/signedNote.ts'
import { openProof, parseProof } from '#verifier/log/tlogProof.ts'
import { type VerifyTreeParameters, verifyTree } from '#verifier/log/verifyTree.ts'
import { goVerify, hasGo } from '../conformance/goVerifier.ts'
import { atLeast, atMost, type Figure, quantile, reported } from './figure.ts'

const CLI = fileURLToPath(new URL('../../runtime/cli/main.js', import.meta.url))
const signer = ed25519Signer(new Uint8Array(32).fill(9))
const origin = 'bench.example/log'
const body = (i: number) => ({
  what: 'bench',
  caughtBy: 'nobody',
  reason: `entry ${i}`,
  evidence: { padding: 'x'.repeat(600) },
})

/** The log alone: durable appends, proofs and verification, with a bare fdatasync of the same bytes beside the appends. */
export async function logBench(): Promise<Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'warrant-bench-'))
  try {
    return [
      ...(await appends(dir)),
      ...(await appendsWithBlobs(dir)),
      ...(await freshProofs(dir)),
      ...(await verification(dir)),
      ...(await memory(dir)),
    ]
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

/** One entry with a payload of 20 kB beside it, batch after batch. */
async function appendsWithBlobs(dir: string): Promise<Figure[]> {
  const log = openLog({ dir: join(dir, 'blobs'), origin, signer, clock: { nowMs: () => 1_700_000_000_000 } })
  const appender = log.startRun().appender('runtime')
  const payload = randomBytes(20_000)
  const batches = 20
  const started = performance.now()
  let before = Promise.resolve<unknown>(null)
  for (let b = 0; b < batches; b++) {
    const durable: Promise<void>[] = []
    for (let i = 0; i < 256; i++) {
      payload.writeUInt32LE(b * 256 + i)
      const { sha256 } = log.putBlob(new Uint8Array(payload))
      durable.push(appender.append('incident', { ...body(i), evidence: { sha256 } }).durable)
    }
    // One batch is filled while the one before it is on its way to the disk.
    await before
    before = Promise.all(durable)
  }
  await before
  const rate = (batches * 256) / ((performance.now() - started) / 1_000)
  await log.close()
  const fd = openSync(join(dir, 'raw-blobs'), 'w')
  const batch = randomBytes(256 * 20_800)
  const since = performance.now()
  for (let b = 0; b < batches; b++) {
    writeSync(fd, batch)
    fdatasyncSync(fd)
  }
  const raw = (batches * 256) / ((performance.now() - since) / 1_000)
  closeSync(fd)
  return [
    {
      ...atLeast('append-with-blob', rate, 'entries/s', 5_000, 'batches of 256, 20 kB of its own beside each'),
      baseline: `${(rate / raw).toFixed(2)} of a bare write + fdatasync of the same bytes (${Math.round(raw)}/s)`,
    },
  ]
}

/** From an append to a signed checkpoint and an inclusion proof in hand, in a log of 100,000 entries. */
async function freshProofs(dir: string): Promise<Figure[]> {
  const log = openLog({ dir: join(dir, 'proofs'), origin, signer, clock: { nowMs: () => 1_700_000_000_000 } })
  const appender = log.startRun().appender('runtime')
  for (let i = 0; i < 100_000; i++) {
    const { durable } = appender.append('incident', { what: 'x', caughtBy: 'x', reason: `${i}`, evidence: null })
    if (i % 1_000 === 999) await durable
  }
  const times: number[] = []
  let proof = ''
  let entry: Uint8Array = new Uint8Array(0)
  for (let i = 0; i < 300; i++) {
    const since = performance.now()
    const appended = appender.append('incident', body(i))
    proof = await log.prove(appended.index)
    times.push(performance.now() - since)
    entry = encodeRecord(appended.record)
  }
  const key = noteKey(nodeCrypto, origin, signer.publicKey)
  const count = 2_000
  const started = performance.now()
  for (let i = 0; i < count; i++) openProof(nodeCrypto, { proof: parseProof(proof), entry, key })
  const rate = count / ((performance.now() - started) / 1_000)
  // The limit: the one Ed25519 check that each proof needs, alone.
  const message = new Uint8Array(150)
  const signature = signer.sign(message)
  const since = performance.now()
  for (let i = 0; i < count; i++) nodeCrypto.verifyEd25519(signer.publicKey, message, signature)
  const bare = count / ((performance.now() - since) / 1_000)
  await log.close()
  return [
    atMost('proof-fresh-p50', quantile(times, 0.5), 'ms', 3, `in a log of ${log.size} entries, durable`),
    {
      ...atLeast(
        'inclusion-rate',
        rate,
        'proofs/s',
        5_000,
        'text parsed, checkpoint signature and path checked, one core',
      ),
      baseline: `${(rate / bare).toFixed(2)} of a bare Ed25519 check (${Math.round(bare)}/s)`,
    },
  ]
}

async function verification(dir: string): Promise<Figure[]> {
  const size = 300_000
  const at = join(dir, 'large')
  const entries = (function* () {
    for (let i = 0; i < size; i++) yield Buffer.from(`entry ${i} `.padEnd(100, '.'))
  })()
  await rebuildLog({ dir: at, origin, signer, entries })
  const key = noteKey(nodeCrypto, origin, signer.publicKey)
  const rateOf = async (more: Pick<VerifyTreeParameters, 'units'>) => {
    const started = performance.now()
    const report = await verifyTree({ files: openLogFiles(at), crypto: nodeCrypto, key, ...more })
    if (report.findings.length > 0)
      throw new Error(`the bench's own log does not verify: ${report.findings[0]?.reason}`)
    return size / ((performance.now() - started) / 1_000)
  }
  const [one, both, go] = [await rateOf({}), await rateOf({ units: verifyUnits(at) }), goRate(at, key, size)]
  return [
    {
      ...atLeast(
        'verify-rate',
        one,
        'entries/s',
        300_000,
        'one core, 300,000 entries of 100 B: entries, tiles, signature',
      ),
      baseline: go === null ? 'Go is not installed' : `${(one / go).toFixed(2)} × Go x/mod (${Math.round(go)}/s)`,
    },
    reported('verify-rate-all-cores', both, 'entries/s', `${availableParallelism()} threads, their start included`),
  ]
}

/** The same verification by the independent Go program, if Go is there; its compilation is not timed. */
function goRate(dir: string, key: NoteKey, size: number): number | null {
  if (!hasGo) return null
  const vkey = formatVkey(key)
  const run = () => goVerify(dir, vkey)
  run()
  const started = performance.now()
  const { status, output } = run()
  if (status !== 0) throw new Error(`the Go verifier refuses the bench's log: ${output}`)
  return size / ((performance.now() - started) / 1_000)
}

/** Peak memory of `warrant log verify --tree` on five million entries. */
async function memory(dir: string): Promise<Figure[]> {
  const size = 5_000_000
  const at = join(dir, 'huge')
  const entries = (function* () {
    for (let i = 0; i < size; i++) yield Buffer.from(`entry ${i} `.padEnd(100, '.'))
  })()
  await rebuildLog({ dir: at, origin, signer, entries })
  writeFileSync(join(at, 'vkey'), `${formatVkey(noteKey(nodeCrypto, origin, signer.publicKey))}\n`)
  const child = spawn(process.execPath, [CLI, 'log', 'verify', at, '--tree', '--json'], { stdio: 'ignore' })
  let peak = 0
  const watch = setInterval(() => {
    peak = Math.max(peak, peakMiB(child.pid as number))
  }, 50)
  const [status] = await once(child, 'exit')
  clearInterval(watch)
  if (status !== 0) throw new Error(`log verify ended with ${status}`)
  return [atMost('verify-memory', peak, 'MiB', 300, `peak resident, ${size} entries of 100 B, all cores`)]
}

function peakMiB(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024
  } catch {
    return 0
  }
}

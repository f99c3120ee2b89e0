import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fsck } from '#runtime/cli/lib/fsck.ts'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { equalBytes, toHex, utf8 } from '#verifier/evidence/bytes.ts'
import { decodeRecord } from '#verifier/evidence/record.ts'
import { hashLeaf } from '#verifier/log/merkle.ts'
import { formatVkey, noteKey } from '#verifier/log/signedNote.ts'
import { verifyTree } from '#verifier/log/verifyTree.ts'
import { goVerify, hasGo } from '../conformance/goVerifier.ts'
import { FAULT_ORIGIN, FAULT_SEED, payloadOf, stepBody } from './faultLog.ts'
import { diskStateOf, losePower } from './powerLoss.ts'
import { seededRandom } from './seededRandom.ts'

/** Whether strace can inject faults here. */
export const hasStrace = spawnSync('strace', ['-e', 'trace=none', 'true']).status === 0

const CHILD = ['./logChild.js', '../../dist/test/fault/logChild.js']
  .map(path => fileURLToPath(new URL(path, import.meta.url)))
  .find(existsSync) as string
const STEPS = 40
const SYSCALLS = ['openat', 'write', 'writev', 'fsync', 'fdatasync', 'rename', 'unlink'] as const
const EFFECTS = ['error=EIO', 'error=ENOSPC', 'signal=SIGKILL'] as const
const signer = ed25519Signer(FAULT_SEED)
const key = noteKey(nodeCrypto, FAULT_ORIGIN, signer.publicKey)
const vkey = formatVkey(key)

export type FaultCase = {
  seed: number
  syscall: string
  effect: string
  when: number
  acknowledged: number
  ended: string
}

/** Calls of each kind that touch the log's own files, counted within their thread: where a fault can be put. */
export function faultPoints(): { syscall: string; when: number }[] {
  const dir = mkdtempSync(join(tmpdir(), 'warrant-fault-'))
  try {
    const at = join(dir, 'log')
    const { trace } = runChild(at, join(dir, 'trace'), [])
    const seen = new Map<string, number>()
    const points = new Set<string>()
    for (const line of trace.split('\n')) {
      const call = /^(\d+) +(\w+)\(/.exec(line)
      if (call === null) continue
      const count = (seen.get(`${call[1]} ${call[2]}`) ?? 0) + 1
      seen.set(`${call[1]} ${call[2]}`, count)
      if (line.includes(at)) points.add(`${call[2]} ${count}`)
    }
    return [...points].map(point => {
      const [syscall = '', when = ''] = point.split(' ')
      return { syscall, when: Number(when) }
    })
  } finally {
    rmSync(dir, { recursive: true })
  }
}

/**
 * One seeded case: the writer runs until a chosen syscall fails or kills it, what a power loss would take is taken, and
 * then: fsck finds nothing wrong, every acknowledged entry is there, no root that was shown is contradicted, every step
 * stands once after it is sent again, and both verifiers accept the log.
 *
 * @throws Error saying which of these does not hold
 */
export async function faultCase(
  seed: number,
  points: readonly { syscall: string; when: number }[],
): Promise<FaultCase> {
  const random = seededRandom(seed)
  const syscall = SYSCALLS[Math.floor(random() * SYSCALLS.length)] as string
  const effect = EFFECTS[Math.floor(random() * EFFECTS.length)] as string
  const candidates = points.filter(point => point.syscall === syscall)
  const when = candidates[Math.floor(random() * candidates.length)]?.when ?? 1
  const dir = mkdtempSync(join(tmpdir(), 'warrant-fault-'))
  const where = `seed ${seed}: ${syscall} ${effect} at call ${when}`
  try {
    const at = join(dir, 'log')
    const { trace, stdout, ended } = runChild(at, join(dir, 'trace'), [
      '-e',
      `inject=${syscall}:${effect}:when=${when}`,
    ])
    const acks = [...stdout.matchAll(/^ack (\d+) (\d+) ([0-9a-f]{64})$/gm)].map(([, step, index, leaf]) => ({
      step: Number(step),
      index: Number(index),
      leaf: leaf as string,
    }))
    const roots = [...stdout.matchAll(/^root (\d+) ([0-9a-f]{64})$/gm)].map(([, size, root]) => ({
      size: Number(size),
      root,
    }))
    const runId = /^run ([0-9a-f]{32})$/m.exec(stdout)?.[1]
    const done: FaultCase = { seed, syscall, effect, when, acknowledged: acks.length, ended }
    if (!existsSync(at)) return done
    if (effect === 'signal=SIGKILL' && random() < 0.7) losePower(at, diskStateOf(trace, at), random)
    await judge(at, { acks, roots, runId })
    return done
  } catch (error) {
    throw new Error(`${where}: ${(error as Error).message}`, { cause: error })
  } finally {
    rmSync(dir, { recursive: true })
  }
}

type Shown = {
  acks: { step: number; index: number; leaf: string }[]
  roots: { size: number; root: string | undefined }[]
  runId: string | undefined
}

async function judge(at: string, { acks, roots, runId }: Shown): Promise<void> {
  const demand = (holds: boolean, what: string) => {
    if (!holds) throw new Error(what)
  }
  // The lock names a process that is gone; the machine may have given its number to another one since.
  if (existsSync(join(at, 'state', 'lock'))) writeFileSync(join(at, 'state', 'lock'), '999999999')
  if (existsSync(join(at, 'checkpoint')) || existsSync(join(at, 'state'))) {
    const { differs } = await fsck(at, vkey)
    demand(differs.length === 0, `fsck: ${differs[0]?.where}: ${differs[0]?.reason}`)
  }
  const log = openLog({
    dir: at,
    origin: FAULT_ORIGIN,
    signer,
    clock: { nowMs: () => 1_700_000_000_001 },
    walBytes: 3_000,
  })
  const entries = await log.entries(0, log.size)
  for (const { step, index, leaf } of acks) {
    const entry = entries[index]
    demand(entry !== undefined && toHex(hashLeaf(nodeCrypto, entry)) === leaf, `acknowledged entry ${index} is lost`)
    if (step % 5 > 0) continue
    const payload = utf8(payloadOf(step))
    const kept = await log.blob({ sha256: toHex(nodeCrypto.sha256(payload)), size: payload.length })
    demand(equalBytes(kept, payload), `the payload of acknowledged entry ${index} is lost`)
  }
  for (const { size, root } of roots) demand(toHex(log.rootAt(size)) === root, `a fork: the root at ${size} is another`)

  // The producer was not told how far it got: it sends every step again under its key.
  const id = runId ?? '0'.repeat(32)
  const mine = entries.map(decodeRecord).filter(record => record.runId === id).length
  const appender = log.resumeRun(id, mine).appender('runtime')
  for (let step = 0; step < STEPS; step++) {
    const payload = step % 5 === 0 ? log.putBlob(utf8(payloadOf(step))).sha256 : null
    await appender.append('incident', stepBody(step, payload), [], `step-${step}`).durable
  }
  await log.close()
  const counts = new Map<string, number>()
  const report = await verifyTree({ files: openLogFiles(at), crypto: nodeCrypto, key }, entry => {
    const record = decodeRecord(entry)
    if (record.kind === 'incident') counts.set(record.body.reason, (counts.get(record.body.reason) ?? 0) + 1)
  })
  demand(report.findings.length === 0, `verify: ${report.findings[0]?.where}: ${report.findings[0]?.reason}`)
  for (let step = 0; step < STEPS; step++)
    demand(counts.get(`step ${step}`) === 1, `step ${step} stands ${counts.get(`step ${step}`) ?? 0} times`)
  if (hasGo) {
    const { output } = goVerify(at, vkey)
    demand(
      output === `ok ${report.checkpoint?.size} ${toHex(report.checkpoint?.root ?? new Uint8Array(0))}`,
      `Go: ${output}`,
    )
  }
}

function runChild(dir: string, traceFile: string, inject: string[]): { trace: string; stdout: string; ended: string } {
  // Without --seccomp-bpf: with it, an injected signal does not arrive.
  const traced = ['-f', '-y', '-s', '0', '-e', `trace=${SYSCALLS.join(',')},pwrite64,ftruncate`]
  const { stdout, status, signal } = spawnSync(
    'strace',
    [...traced, ...inject, '-o', traceFile, process.execPath, CHILD, dir, String(STEPS)],
    // One thread for file operations: the same seed puts the fault in the same place.
    { encoding: 'utf8', env: { ...process.env, UV_THREADPOOL_SIZE: '1' }, timeout: 60_000 },
  )
  return { trace: readFileSync(traceFile, 'utf8'), stdout, ended: signal ?? String(status) }
}

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { fsck } from '#runtime/cli/lib/fsck.ts'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { noteKey } from '#verifier/log/signedNote.ts'
import { verifyTree } from '#verifier/log/verifyTree.ts'
import { FAULT_ORIGIN, FAULT_SEED } from './faultLog.ts'
import { faultCase, faultPoints, hasStrace } from './logFaults.ts'

const root = mkdtempSync(join(tmpdir(), 'warrant-faults-'))
const mounts: string[] = []
afterAll(() => {
  for (const mount of mounts) spawnSync('umount', ['-l', mount])
  rmSync(root, { recursive: true })
})

describe.skipIf(!hasStrace)('each syscall of the write path fails in turn (skipped where strace cannot inject)', () => {
  const points = hasStrace ? faultPoints() : []
  test('every kind of call has places to fail', () => {
    for (const syscall of ['openat', 'write', 'fsync', 'fdatasync', 'rename'])
      expect(points.filter(point => point.syscall === syscall).length, syscall).toBeGreaterThan(5)
  })
  // The long form: npm run faults -- log --cases 1000
  test.each(Array.from({ length: 10 }, (_, i) => i * 10))(
    'seeds %i to +9: nothing lost, no fork, nothing twice',
    async first => {
      for (let seed = first; seed < first + 10; seed++) await faultCase(seed, points)
    },
  )
})

const open = (dir: string) =>
  openLog({ dir, origin: FAULT_ORIGIN, signer: ed25519Signer(FAULT_SEED), clock: { nowMs: () => 1 }, walBytes: 50_000 })
const incident = (n: number) => ({ what: `${n}`, caughtBy: 'x', reason: 'x'.repeat(500), evidence: null })

/** A file system of 1 MiB; null where none can be mounted. */
function smallDisk(): string | null {
  const mount = join(root, 'disk')
  mkdirSync(mount)
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mount]).status !== 0) return null
  mounts.push(mount)
  return mount
}

test('a disk that fills up halts the log cleanly; with room again it goes on, and nothing acknowledged is lost', async () => {
  const disk = smallDisk()
  if (disk === null) return console.warn('skipped: no file system can be mounted here')
  const [dir, ballast] = [join(disk, 'log'), join(disk, 'ballast')]
  writeFileSync(ballast, Buffer.alloc(600_000))
  const log = open(dir)
  const appender = log.startRun().appender('runtime')
  let acknowledged = 0
  const fill = async () => {
    for (let i = 0; i < 10_000; i++) {
      await appender.append('incident', incident(i)).durable
      acknowledged++
    }
  }
  await expect(fill()).rejects.toThrow('the log halted')
  expect(() => appender.append('incident', incident(0))).toThrow('the log halted')
  expect(acknowledged).toBeGreaterThan(100)

  // Someone makes room. (The process would have ended: its lock names one that is gone.)
  rmSync(ballast)
  writeFileSync(join(dir, 'state', 'lock'), '999999999')
  const again = open(dir)
  expect(again.size).toBeGreaterThanOrEqual(acknowledged)
  await again.startRun().appender('runtime').append('incident', incident(1)).durable
  await again.close()
  const key = noteKey(nodeCrypto, FAULT_ORIGIN, ed25519Signer(FAULT_SEED).publicKey)
  expect((await verifyTree({ files: openLogFiles(dir), crypto: nodeCrypto, key })).findings).toEqual([])
})

describe('a step sent again under its key', () => {
  test('is answered with its entry: while the log is open, after a restart, and never with other content', async () => {
    const dir = join(root, 'keys')
    const log = open(dir)
    const run = log.startRun()
    const appender = run.appender('runtime')
    const first = appender.append('incident', incident(1), [], 'one')
    const again = appender.append('incident', incident(1), [], 'one')
    expect([again.index, again.leafHash]).toEqual([first.index, first.leafHash])
    await again.durable
    expect(() => appender.append('incident', incident(2), [], 'one')).toThrow('other content')
    await log.close()

    const reopened = open(dir)
    const later = reopened.resumeRun(run.runId, 1).appender('runtime').append('incident', incident(1), [], 'one')
    expect([later.index, later.leafHash]).toEqual([first.index, first.leafHash])
    expect(reopened.size).toBe(1)
    await reopened.close()
    const key = noteKey(nodeCrypto, FAULT_ORIGIN, ed25519Signer(FAULT_SEED).publicKey)
    expect((await verifyTree({ files: openLogFiles(dir), crypto: nodeCrypto, key })).findings).toEqual([])

    // A closed log has no writer whose leftovers could be excused.
    expect((await fsck(dir, undefined)).differs).toEqual([])
    const stray = join(dir, 'tile', '0', '001')
    writeFileSync(stray, 'x')
    expect((await fsck(dir, undefined)).differs).toEqual([{ where: 'tile/0/001', reason: 'is no part of this log' }])
    rmSync(stray)

    // What is remembered must be whole, and goes with the end of its run.
    const remembered = join(dir, 'state', 'keys')
    const bytes = readFileSync(remembered)
    writeFileSync(
      remembered,
      bytes.map((byte, i) => (i === 80 ? byte ^ 1 : byte)),
    )
    expect((await verifyTree({ files: openLogFiles(dir), crypto: nodeCrypto, key })).findings.length).toBe(1)
    expect(() => open(dir)).toThrow('state/keys is damaged')
    writeFileSync(remembered, bytes)
    const last = open(dir)
    const close = { reason: 'done', decisions: 0, requests: 0 }
    last.resumeRun(run.runId, 1).appender('runtime').append('close', close, [], 'end')
    await last.close()
    expect(existsSync(join(dir, 'state'))).toBe(false)
  })
})

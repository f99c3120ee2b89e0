import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { utf8 } from '#verifier/evidence/bytes.ts'
import { parseVkey } from '#verifier/log/signedNote.ts'
import { verifyTree } from '#verifier/log/verifyTree.ts'
import { openLogFiles } from './logFiles.ts'
import { openLog } from './openLog.ts'
import { rebuildLog } from './rebuildLog.ts'

const root = mkdtempSync(join(tmpdir(), 'warrant-log-'))
afterAll(() => rmSync(root, { recursive: true }))
let next = 0
const freshDir = () => join(root, String(next++))
const signer = ed25519Signer(new Uint8Array(32).fill(7))
const clock = { nowMs: () => 1_700_000_000_000 }
const open = (dir: string) => openLog({ dir, origin: 'test.example/log', signer, clock })
const incident = (n: number) => ({ what: `event ${n}`, caughtBy: 'test', reason: 'because', evidence: { n } })

async function verify(dir: string) {
  const key = parseVkey(nodeCrypto, readFileSync(join(dir, 'vkey'), 'utf8').trim())
  const entries: Uint8Array[] = []
  const report = await verifyTree(
    { files: openLogFiles(dir), crypto: nodeCrypto, key },
    entry => void entries.push(entry),
  )
  return { ...report, entries }
}

describe('the log writer', () => {
  test.each([0, 1, 2, 255, 256, 257, 600])('a closed log of %i entries verifies, and opens again', async size => {
    const dir = freshDir()
    const log = open(dir)
    const appender = log.startRun().appender('runtime')
    for (let i = 0; i < size; i++) appender.append('incident', incident(i))
    await log.close()
    const first = await verify(dir)
    expect(first.findings).toEqual([])
    expect(first.entries.length).toBe(size)
    const again = open(dir)
    expect(again.size).toBe(size)
    again.startRun().appender('runtime').append('incident', incident(size))
    await again.close()
    const second = await verify(dir)
    expect(second.findings).toEqual([])
    expect(second.entries.length).toBe(size + 1)
  })

  test('what was acknowledged survives a writer that never closed, with a torn write behind it', async () => {
    const dir = freshDir()
    const log = open(dir)
    const appender = log.startRun().appender('runtime')
    await Promise.all(Array.from({ length: 300 }, (_, i) => appender.append('incident', incident(i)).durable))
    // The process dies here: its lock names a process that is gone, and the last write was torn.
    const crashed = freshDir()
    cpSync(dir, crashed, { recursive: true })
    writeFileSync(join(crashed, 'state', 'lock'), '999999')
    appendFileSync(join(crashed, 'state', 'wal-0'), Buffer.from('WAL1\0\0\0\u0001torn'))
    const recovered = open(crashed)
    expect(recovered.size).toBe(300)
    expect(recovered.root).toBe(log.root)
    await recovered.close()
    expect((await verify(crashed)).findings).toEqual([])
    await log.close()
  })

  test('damage in the middle of the write-ahead log is refused, not cut off', async () => {
    const dir = freshDir()
    const log = open(dir)
    const appender = log.startRun().appender('runtime')
    for (let i = 0; i < 3; i++) await appender.append('incident', incident(i)).durable
    const crashed = freshDir()
    cpSync(dir, crashed, { recursive: true })
    writeFileSync(join(crashed, 'state', 'lock'), '999999')
    const wal = join(crashed, 'state', 'wal-0')
    const bytes = readFileSync(wal)
    bytes[40] = (bytes[40] as number) ^ 1
    writeFileSync(wal, bytes)
    expect(() => open(crashed)).toThrow('damaged')
    await log.close()
  })

  test('a second writer is refused while the first runs', async () => {
    const dir = freshDir()
    const log = open(dir)
    expect(() => open(dir)).toThrow('it has one writer')
    await log.close()
  })

  test('an older backup of the tiles beside a newer checkpoint is refused', async () => {
    const dir = freshDir()
    const log = open(dir)
    const appender = log.startRun().appender('runtime')
    for (let i = 0; i < 300; i++) appender.append('incident', incident(i))
    await log.close()
    rmSync(join(dir, 'tile/entries/001.p'), { recursive: true })
    expect(() => open(dir)).toThrow('missing')
  })

  test('an actor appends its own kinds only, and its handle is given once', async () => {
    const log = open(freshDir())
    const run = log.startRun()
    const agent = run.appender('agent')
    expect(() => run.appender('agent')).toThrow('already')
    expect(() => agent.append('incident', incident(0))).toThrow('agent may not append a incident')
    expect(() => agent.append('constructor' as never, {} as never)).toThrow('may not append')
    expect(log.size).toBe(0)
    await log.close()
  })

  test('blobs are durable with the entry, stored once, and read back', async () => {
    const dir = freshDir()
    const log = open(dir)
    const ref = log.putBlob(utf8('payload'))
    expect(log.putBlob(utf8('payload'))).toEqual(ref)
    await log.startRun().appender('runtime').append('incident', incident(0)).durable
    await log.close()
    const again = open(dir)
    expect(Buffer.from(await again.blob(ref)).toString()).toBe('payload')
    await again.close()
    const report = await verify(dir)
    expect([...report.blobs]).toEqual([[ref.sha256, 7]])
  })
})

describe('every byte counts', () => {
  test('flipping any byte of any file is found', async () => {
    const dir = freshDir()
    const log = open(dir)
    log.putBlob(utf8('a payload'))
    const appender = log.startRun().appender('runtime')
    for (let i = 0; i < 3; i++) appender.append('incident', incident(i))
    await log.publish()
    for (let i = 3; i < 5; i++) appender.append('incident', incident(i))
    await log.close()
    const key = parseVkey(nodeCrypto, readFileSync(join(dir, 'vkey'), 'utf8').trim())
    const files = await openLogFiles(dir).list()
    let flips = 0
    for (const file of files) {
      const path = join(dir, file)
      const original = readFileSync(path)
      for (let i = 0; i < original.length; i++) {
        const changed = Buffer.from(original)
        changed[i] = (changed[i] as number) ^ (1 << (i % 8))
        writeFileSync(path, changed)
        const { findings } = await verifyTree({ files: openLogFiles(dir), crypto: nodeCrypto, key }, () => {})
        if (findings.length === 0) throw new Error(`byte ${i} of ${file} was changed without notice`)
        flips++
      }
      writeFileSync(path, original)
    }
    expect(flips).toBeGreaterThan(2_000)
    expect((await verifyTree({ files: openLogFiles(dir), crypto: nodeCrypto, key }, () => {})).findings).toEqual([])
  })

  test('missing, truncated, added files are found', async () => {
    const dir = freshDir()
    await rebuildLog({
      dir,
      origin: 'test.example/log',
      signer,
      entries: Array.from({ length: 700 }, (_, i) => utf8(`entry ${i}`)),
    })
    const key = parseVkey(
      nodeCrypto,
      (() => {
        const log = open(freshDir())
        const { vkey } = log
        void log.close()
        return vkey
      })(),
    )
    const findings = async (at: string) =>
      (await verifyTree({ files: openLogFiles(at), crypto: nodeCrypto, key }, () => {})).findings
    expect(await findings(dir)).toEqual([])
    for (const file of (await openLogFiles(dir).list()).filter(name => name.startsWith('tile/'))) {
      const copy = freshDir()
      cpSync(dir, copy, { recursive: true })
      rmSync(join(copy, file))
      expect(await findings(copy), `without ${file}`).not.toEqual([])
      cpSync(join(dir, file), join(copy, file))
      truncateSync(join(copy, file), statSync(join(copy, file)).size - 1)
      expect(await findings(copy), `${file} truncated`).not.toEqual([])
    }
    writeFileSync(join(dir, 'tile', 'extra'), '')
    expect(await findings(dir)).toEqual([{ where: 'tile/extra', reason: 'is no part of this log' }])
  })

  test('a closed log leaves no state behind', async () => {
    const dir = freshDir()
    const log = open(dir)
    await log.close()
    expect(existsSync(join(dir, 'state'))).toBe(false)
    expect(readdirSync(dir).sort()).toEqual(['checkpoint', 'vkey'])
  })
})

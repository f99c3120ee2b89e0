import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { CHECK_IDS, type Verdict } from '#verifier/evidence/records/verdict.ts'
import type { Facts } from '#verifier/judge/facts.ts'
import { openJournal } from './journal.ts'

// The real file system, watched: what was written and made durable in which order, and how many bytes a write takes.
const disk = vi.hoisted(() => ({ did: [] as string[], most: Number.POSITIVE_INFINITY }))
vi.mock('node:fs', async importOriginal => {
  const fs = await importOriginal<typeof import('node:fs')>()
  return {
    ...fs,
    writeSync(fd: number, bytes: Uint8Array, offset = 0) {
      disk.did.push('write')
      return fs.writeSync(fd, bytes, offset, Math.min(disk.most, bytes.length - offset))
    },
    fdatasyncSync(fd: number) {
      disk.did.push('durable')
      fs.fdatasyncSync(fd)
    },
    fsyncSync(fd: number) {
      disk.did.push(fs.fstatSync(fd).isDirectory() ? 'durable directory' : 'durable file')
      fs.fsyncSync(fd)
    },
    closeSync(fd: number) {
      disk.did.push(fs.fstatSync(fd).isDirectory() ? 'close directory' : 'close')
      fs.closeSync(fd)
    },
  }
})
beforeEach(() => {
  disk.did = []
  disk.most = Number.POSITIVE_INFINITY
})

const dir = mkdtempSync(join(tmpdir(), 'warrant-journal-'))
afterAll(() => rmSync(dir, { recursive: true }))
let files = 0
const freshFile = () => join(dir, `made-${++files}`, 'journal')

const entry = {
  nonce: '7',
  proposalDigest: 'aa'.repeat(32),
  treasuryUsd: 100,
  signedAtSeconds: 1,
  validUntil: 2,
}
const kept = {
  nonce: '7',
  proposalDigest: 'aa'.repeat(32),
  signedAtSeconds: 1,
  validUntil: 2,
}
const verdict: Verdict = {
  proposal: 'bb'.repeat(32),
  proposalDigest: 'aa'.repeat(32),
  answer: 'approve',
  checks: CHECK_IDS.map(id => ({ id, ok: true, detail: 'held', rule: null, assumptions: [] })),
  facts: { sha256: '11'.repeat(32), size: 1 },
  simulation: null,
  valueAtRiskUsd: 5,
  checkpointSize: 3,
  previous: null,
  refBlock: 4,
  refBlockHash: `0x${'cc'.repeat(32)}`,
  validUntil: 2,
  refTime: 1,
  signer: `0x${'dd'.repeat(20)}`,
  signature: `0x${'ee'.repeat(65)}`,
  reportSignature: `0x${'ff'.repeat(65)}`,
}
const facts: Facts = {
  ...{ version: 1, proposal: 'bb'.repeat(32), nowMs: 1, tookMicros: 1, proofs: [], blocks: [], reads: [] },
  head: { number: 4, hash: `0x${'cc'.repeat(32)}`, timestamp: 1 },
  log: { size: 3, fault: null, cosigned: [] },
  journal: { nonceSignedFor: null, maybeSigned: null, highestTreasuryUsd: 0 },
  market: { source: 'none' },
}
const HASH = `0x${'12'.repeat(32)}` as const

/** What a journal tells, and what it tells when it is opened again. */
function bothTimes<T>(file: string, journal: ReturnType<typeof openJournal>, read: (one: typeof journal) => T): [T, T] {
  const now = read(journal)
  journal.close()
  const again = openJournal(file)
  const later = read(again)
  again.close()
  return [now, later]
}

describe('the journal', () => {
  test('what was promised survives a restart, and no nonce is promised twice', () => {
    const file = freshFile()
    const first = openJournal(file)
    expect([first.find('7'), first.pinned, first.watched, first.alarms]).toEqual([null, null, null, []])
    expect(first.highestTreasuryUsd(0)).toBe(0)
    first.reserve(entry)
    const reserved = { ...kept, signed: null }
    expect(bothTimes(file, first, one => [one.find('7'), one.find('8')])).toEqual(
      Array.from({ length: 2 }, () => [reserved, null]),
    )
    const again = openJournal(file)
    expect(() => again.reserve({ ...entry, proposalDigest: 'cc'.repeat(32) })).toThrow(
      'nonce 7 was promised to other contents: nothing is ever signed twice',
    )
    expect(readFileSync(file, 'utf8').split('\n').length).toBe(2)
    again.reserve(entry)
    again.reserve({ ...entry, nonce: '8', proposalDigest: 'cc'.repeat(32) })
    expect(['7', '8', '9'].map(nonce => again.find(nonce)?.nonce)).toEqual(['7', '8', undefined])
    again.close()
  })

  test('a verdict is kept with the promise that it is of, and with no other', () => {
    const file = freshFile()
    const journal = openJournal(file)
    journal.reserve(entry)
    journal.reserve({ ...entry, nonce: '8' })
    journal.signed('7', verdict, facts)
    journal.signed('9', verdict, facts)
    const expected = [{ verdict, facts }, null, null]
    expect(bothTimes(file, journal, one => [one.find('7')?.signed, one.find('8')?.signed, one.find('9')])).toEqual([
      expected,
      expected,
    ])
  })

  test('what may have been signed in another life is kept as doubts, in order; of nothing nothing is written', () => {
    const file = freshFile()
    const journal = openJournal(file)
    const doubt = (n: number) => ({ proposalDigest: `${n}`.repeat(64), nonce: `${n}`, validUntil: n })
    journal.doubt([])
    expect([journal.doubts, readFileSync(file, 'utf8')]).toEqual([[], ''])
    journal.doubt([doubt(1), doubt(2)])
    journal.doubt([doubt(3)])
    expect(bothTimes(file, journal, one => [...one.doubts])).toEqual(
      Array.from({ length: 2 }, () => [doubt(1), doubt(2), doubt(3)]),
    )
  })

  test('one that another holds is refused, and let go', () => {
    const file = freshFile()
    const first = openJournal(file)
    disk.did = []
    expect(() => openJournal(file)).toThrow(/this journal/)
    expect(disk.did).toEqual(['close'])
    first.close()
    openJournal(file).close()
  })

  test('the last of the log, the last watched block, every alarm, and the highest value of a time are kept', () => {
    const file = freshFile()
    const journal = openJournal(file)
    for (const [nonce, treasuryUsd, signedAtSeconds] of [
      ['1', 50, 10],
      ['2', 70, 20],
      ['3', 60, 30],
    ] as const)
      journal.reserve({ ...entry, nonce, treasuryUsd, signedAtSeconds })
    journal.seen(3, 'bb'.repeat(32))
    journal.seen(4, 'cc'.repeat(32))
    const alarm = { transactionHash: null, blockNumber: 5, reason: 'something fell' }
    const blind = { transactionHash: HASH, blockNumber: 6, reason: 'nothing was seen', blind: true as const }
    journal.alarm(alarm)
    journal.alarm(blind)
    journal.watch({ block: 8, hash: null, held: {} })
    journal.watch({ block: 9, hash: HASH, held: { '0x02': '3' } })
    const expected = [
      [70, 70, 60, 0],
      { size: 4, root: 'cc'.repeat(32) },
      { block: 9, hash: HASH, held: { '0x02': '3' } },
      [alarm, blind],
    ]
    expect(
      bothTimes(file, journal, one => [
        [0, 20, 21, 31].map(one.highestTreasuryUsd),
        one.pinned,
        one.watched,
        [...one.alarms],
      ]),
    ).toEqual([expected, expected])
  })

  test('whatever somebody relies on is durable before it returns', () => {
    const file = freshFile()
    const journal = openJournal(file)
    // A new file is there after a power cut only when its directory is durable.
    expect(disk.did).toEqual(['durable directory', 'close directory'])
    const does = (act: () => void) => {
      disk.did = []
      act()
      return disk.did
    }
    expect(does(() => journal.reserve(entry))).toEqual(['write', 'durable'])
    expect(does(() => journal.signed('7', verdict, facts))).toEqual(['write', 'durable'])
    expect(does(() => journal.seen(1, 'bb'.repeat(32)))).toEqual(['write', 'durable'])
    expect(does(() => journal.alarm({ transactionHash: null, blockNumber: 1, reason: 'why' }))).toEqual([
      'write',
      'durable',
    ])
    expect(does(() => journal.watch({ block: 1, hash: null, held: {} }))).toEqual(['write'])
    expect(does(() => journal.close())).toEqual(['close'])
    disk.did = []
    openJournal(file).close()
    expect(disk.did).toEqual(['close'])
  })

  test('a disk that takes a few bytes at a time gets them all', () => {
    const file = freshFile()
    const journal = openJournal(file)
    disk.most = 7
    journal.reserve(entry)
    journal.close()
    const again = openJournal(file)
    expect(again.find('7')).toMatchObject(kept)
    again.close()
  })

  test('a torn last line is cut off; damage before it is refused, by file and line', () => {
    const file = freshFile()
    const journal = openJournal(file)
    journal.reserve(entry)
    journal.alarm({ transactionHash: null, blockNumber: 1, reason: 'größer' })
    journal.close()
    const whole = readFileSync(file, 'utf8')
    appendFileSync(file, '{"type":"reserve","nonce":"8"')
    const again = openJournal(file)
    expect([again.find('7')?.nonce, again.find('8')]).toEqual(['7', null])
    expect(readFileSync(file, 'utf8')).toBe(whole)
    again.reserve({ ...entry, nonce: '9' })
    again.close()
    expect(readFileSync(file, 'utf8').startsWith(whole)).toBe(true)
    const last = openJournal(file)
    expect(['7', '8', '9'].map(nonce => last.find(nonce)?.nonce)).toEqual(['7', undefined, '9'])
    last.close()
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
    for (const [place, text] of [
      [0, (lines[0] as string).replace('"treasuryUsd":100', '"treasuryUsd":"100"')],
      [1, 'no JSON'],
      [2, `${(lines[2] as string).slice(0, -1)},"more":1}`],
    ] as const) {
      writeFileSync(file, `${lines.map((line, i) => (i === place ? text : line)).join('\n')}\n`)
      expect(() => openJournal(file)).toThrow(`${file}:${place + 1}: the journal is damaged: `)
    }
    expect(existsSync(file)).toBe(true)
  })

  test.each([
    ['{"type":"note","text":"by hand"}', 'ok'],
    ['{"type":"note","text":""}', 'damaged'],
    ['{"type":"unheardOf"}', 'damaged'],
    ['{"type":"seen","size":1,"root":"zz"}', 'damaged'],
    [`{"type":"seen","size":1,"root":"${'ab'.repeat(32)}","more":1}`, 'damaged'],
    [`{"type":"seen","size":1,"root":"${'ab'.repeat(32)}"}`, 'ok'],
    ['{"type":"watched","block":1,"hash":null,"held":{},"more":1}', 'damaged'],
    ['{"type":"watched","block":1,"hash":null,"held":{}}', 'ok'],
    ['{"type":"alarm","transactionHash":null,"blockNumber":1,"reason":"why","more":1}', 'damaged'],
    ['{"type":"alarm","transactionHash":null,"blockNumber":1,"reason":"why"}', 'ok'],
    ['{"type":"note","text":"by hand","more":1}', 'damaged'],
    ['{"type":"signed","nonce":"1","verdict":null}', 'damaged'],
    [JSON.stringify({ type: 'signed', nonce: '1', verdict, facts }), 'ok'],
    [JSON.stringify({ type: 'signed', nonce: '1', verdict }), 'damaged'],
    [JSON.stringify({ type: 'signed', nonce: '1', verdict, facts, more: 1 }), 'damaged'],
    [JSON.stringify({ type: 'reserve', ...entry }), 'ok'],
    [JSON.stringify({ type: 'reserve', ...entry, usd: 5 }), 'damaged'],
    [JSON.stringify({ type: 'reserve', ...entry, more: 1 }), 'damaged'],
    [JSON.stringify({ type: 'reserve', ...entry, treasuryUsd: undefined }), 'damaged'],
  ])('a line %s is %s', (line, expected) => {
    const file = freshFile()
    openJournal(file).close()
    writeFileSync(file, `${line}\n`)
    const opened = () => openJournal(file).close()
    if (expected === 'ok') expect(opened).not.toThrow()
    else expect(opened).toThrow('the journal is damaged')
  })
})

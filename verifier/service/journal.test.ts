import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { openJournal } from './journal.ts'

const dir = mkdtempSync(join(tmpdir(), 'warrant-journal-'))
afterAll(() => rmSync(dir, { recursive: true }))

describe('the journal', () => {
  const entry = {
    nonce: '7',
    proposalDigest: 'aa'.repeat(32),
    usd: 5,
    treasuryUsd: 100,
    outflows: {},
    signedAtSeconds: 1,
    validUntil: 2,
  }
  test('what was promised survives a restart, and no nonce is promised twice', () => {
    const file = join(dir, 'journal-1')
    const first = openJournal(file)
    first.reserve(entry)
    first.seen(3, 'bb'.repeat(32))
    first.close()
    const again = openJournal(file)
    expect(again.find('7')).toMatchObject({ status: 'reserved', usd: 5 })
    expect(again.pinned).toEqual({ size: 3, root: 'bb'.repeat(32) })
    expect(() => again.reserve({ ...entry, proposalDigest: 'cc'.repeat(32) })).toThrow('nothing is ever signed twice')
    again.settle('7', 'executed')
    again.close()
    const last = openJournal(file)
    expect(last.open()).toEqual([])
    last.close()
  })
  test('a torn last line is cut off; damage before it is refused', () => {
    const file = join(dir, 'journal-2')
    const journal = openJournal(file)
    journal.reserve(entry)
    journal.close()
    appendFileSync(file, '{"type":"reserve","nonce":"8"')
    const again = openJournal(file)
    expect(again.entries().length).toBe(1)
    again.reserve({ ...entry, nonce: '9' })
    again.close()
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace('"usd":5', '"usd":"5"'))
    expect(() => openJournal(file)).toThrow(/journal-2:1: the journal is damaged/)
  })
})

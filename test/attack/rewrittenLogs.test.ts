import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAdmission } from '#runtime/log/admission.ts'
import { RULES } from '#verifier/audit/rules/ruleList.ts'
import { decodeRecord } from '#verifier/evidence/record.ts'
import { warrant } from '../support/warrant.ts'
import { contradictedCase, readWholeLog, rulesBroken, type WholeLog } from './contradictedLogs.ts'
import { CONTRADICTIONS } from './contradictions.ts'
import { type BaseLog, REWRITING_NAMES, readBaseLog, rewrittenCase } from './rewrittenLogs.ts'

// The log's keeper rewrites history, re-hashes and signs again; then somebody with every key makes the log anew around one
// lie. The long forms: npm run faults -- rewritten|contradictions
const dir = mkdtempSync(join(tmpdir(), 'warrant-rewritten-'))
let base: BaseLog
let whole: WholeLog

beforeAll(async () => {
  expect(warrant(['demo', '--once', '--json', '--decisions', '4', '--out', join(dir, 'demo')]).status).toBe(0)
  base = await readBaseLog(join(dir, 'demo'))
  whole = await readWholeLog(join(dir, 'demo'))
}, 400_000)
afterAll(() => rmSync(dir, { recursive: true }))

describe('a log rewritten and signed anew by its keeper', () => {
  test.each(REWRITING_NAMES.map((name, i) => [name, i] as const))(
    '%s: that check is the first to fail',
    async (name, i) => {
      for (let round = 0; round < 8; round++) {
        const caught = await rewrittenCase(i + round * REWRITING_NAMES.length, base)
        expect(caught.name).toBe(name)
      }
    },
  )
})

describe('a log made anew around one lie by somebody who holds every key', () => {
  test('without a lie it breaks no rule', async () => {
    expect(await rulesBroken(whole, 1)).toEqual([])
  })

  test('each of its records passes the checks of what is appended from outside, when it is next', async () => {
    const refused: string[] = []
    let size = 0
    const entries = async (from: number, to: number) => whole.entries.slice(from, Math.min(to, size))
    const admission = createAdmission({ start: 0, size: () => size, entries })
    const kinds = new Set<string>()
    for (const [i, entry] of whole.entries.entries()) {
      size = i
      const record = decodeRecord(entry)
      kinds.add(record.kind)
      for (const fault of await admission.faultsOf(record)) refused.push(`entry ${i} (${record.kind}): ${fault}`)
    }
    expect(refused).toEqual([])
    expect(kinds.size).toBeGreaterThan(10)
  })

  test('every rule has a lie that breaks it', () => {
    const told = new Set<string>(CONTRADICTIONS.map(({ rule }) => rule))
    expect(Object.keys(RULES).filter(rule => !told.has(rule))).toEqual([])
  })

  test.each(CONTRADICTIONS.map(({ rule, name }, i) => [rule, name, i] as const))(
    '%s: %s: that rule is broken, and no other',
    async (rule, name, i) => {
      for (let round = 0; round < 2; round++)
        expect(await contradictedCase(i + round * CONTRADICTIONS.length, whole)).toBe(`${rule} ${name}`)
    },
  )
})

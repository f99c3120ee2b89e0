import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { warrant } from '../support/warrant.ts'
import { type BaseLog, REWRITING_NAMES, readBaseLog, rewrittenCase } from './rewrittenLogs.ts'

// The log's keeper rewrites history, re-hashes and signs again. The long form: npm run faults -- rewritten
const dir = mkdtempSync(join(tmpdir(), 'warrant-rewritten-'))
let base: BaseLog

beforeAll(async () => {
  expect(warrant(['demo', '--once', '--json', '--decisions', '4', '--out', join(dir, 'demo')]).status).toBe(0)
  base = await readBaseLog(join(dir, 'demo'))
}, 120_000)
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

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readWholeLog, toldFiles, type WholeLog } from '../attack/contradictedLogs.ts'
import { CONTRADICTIONS } from '../attack/contradictions.ts'
import { addOtherRuns } from '../attack/otherRuns.ts'
import type { Files } from '../attack/rewrittenLogs.ts'
import { warrant } from '../support/warrant.ts'
import { hasGo } from './goVerifier.ts'
import { mutatedFiles } from './mutatedLogs.ts'
import { readTwice } from './twoReaders.ts'

// The numbered rules of evidence.md §12 by two implementations. The long form: npm run faults -- conformance
const dir = mkdtempSync(join(tmpdir(), 'warrant-two-readers-'))
let whole: WholeLog

describe.skipIf(!hasGo)('a verifier written from docs/evidence.md alone, in Go (skipped where Go is absent)', () => {
  beforeAll(async () => {
    expect(warrant(['demo', '--once', '--json', '--decisions', '4', '--out', join(dir, 'demo')]).status).toBe(0)
    whole = await readWholeLog(join(dir, 'demo'))
  }, 400_000)
  afterAll(() => rmSync(dir, { recursive: true }))

  test('finds in every lie the same broken rules, and none in honest logs', async () => {
    const logs: { name: string; files: Files }[] = [
      { name: 'honest', files: await toldFiles(whole, 1) },
      { name: 'honest, of every kind', files: await toldFiles(whole, 1, addOtherRuns) },
    ]
    for (const [i, { rule, name, tell }] of CONTRADICTIONS.entries())
      logs.push({ name: `${rule} ${name}`, files: await toldFiles(whole, i, tell) })
    const said = await readTwice(join(dir, 'lies'), whole, logs)
    for (const honest of said.slice(0, 2)) expect(honest, honest.why).toMatchObject({ here: [], there: [] })
    for (const [i, { rule }] of CONTRADICTIONS.entries()) expect(said[i + 2]?.there, said[i + 2]?.why).toContain(rule)
    expect(said.filter(({ here, there }) => here.join() !== there.join())).toEqual([])
  })

  test('says the same of logs with one thing changed at random', async () => {
    const logs: { name: string; files: Files }[] = []
    for (let seed = 1; logs.length < 60; seed++) {
      const made = await mutatedFiles(whole, seed)
      if (made !== null) logs.push(made)
    }
    const said = await readTwice(join(dir, 'mutated'), whole, logs)
    expect(said.filter(({ here, there }) => here.join() !== there.join())).toEqual([])
    // Changes that are no fault are few: else the choice of changes tells nothing.
    expect(said.filter(({ here }) => here.length > 0).length).toBeGreaterThan(40)
  })
})

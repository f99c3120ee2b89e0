import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { crashRun } from './crashes.ts'

// The long form: npm run faults -- treasury
test('the agent is killed again and again, the verifier now and then: nothing executes twice, the log explains everything', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'warrant-crash-'))
  const report = await crashRun(join(dir, 'world'), { lives: 60, seed: 1 })
  rmSync(dir, { recursive: true })
  expect(report.killed).toBeGreaterThan(30)
  expect(report.verifierKilled).toBe(15)
  // How many of the 120 ticks reach the chain depends on where each life ends on this machine.
  expect(report.executed).toBeGreaterThan(10)
  expect(report.abandoned).toBeGreaterThan(0)
}, 1_200_000)

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openResult, writeResult } from '../resultFile.ts'
import { crashRun } from './crashes.ts'

const LIVES = 25

/** Treasuries whose agents are killed again and again: one case is one of them, 25 lives and a last one. */
export async function openTreasurySuite(first: number) {
  const opened = openResult('treasury', first)
  const sum = {
    ...{ runs: 0, lives: 0, killed: 0, verifierKilled: 0, decisions: 0 },
    ...{ executed: 0, reverted: 0, denied: 0, abandoned: 0 },
  }
  async function one(seed: number): Promise<string> {
    sum.runs++
    const dir = mkdtempSync(join(tmpdir(), 'warrant-crash-'))
    const report = await crashRun(join(dir, 'world'), { lives: LIVES, seed })
    rmSync(dir, { recursive: true })
    for (const [name, count] of Object.entries(report)) sum[name as keyof typeof report] += count
    return `killed ${report.killed} times`
  }
  return Object.assign(one, {
    keep: (failed: readonly string[]) =>
      writeResult('treasury', { ...opened, figures: { ...sum, failed: [...failed] } }),
  })
}

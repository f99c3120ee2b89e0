import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { transform } from 'esbuild'
import { ROOT } from '../../root.ts'
import type { MutantResult } from '../mutantResult.ts'
import { applyMutant, type Mutant } from '../mutate/findMutants.ts'
import { JUDGE_TARGETS, type JudgeTarget } from './judgeTargets.ts'
import { openBundle, type TestRunner } from './openBundle.ts'
import { openVitest } from './openVitest.ts'

/** Runs the unit tests of a file on its mutants, one after the other, in one process. */
export type Judge = {
  /** The first test that fails on the sources as they are; null: none. */
  checkUnchanged(): Promise<string | null>
  judge(mutant: Mutant): Promise<MutantResult>
  close(): Promise<void>
}

/** Rules of records that a source speaks of, as `R12`. */
const rulesIn = (source: string) => [...new Set(source.match(/\bR\d+\b/g) ?? [])]

/** Takes seconds: one for many mutants. */
export async function openJudge(): Promise<Judge> {
  const runners = new Map<JudgeTarget, Promise<TestRunner>>()
  const runnerOf = (target: JudgeTarget): Promise<TestRunner> => {
    const mocks = target.tests.some(test => readFileSync(join(ROOT, test), 'utf8').includes('vi.mock('))
    const open = () => (mocks ? openVitest(target.tests) : openBundle(target.tests))
    const runner = runners.get(target) ?? open()
    runners.set(target, runner)
    return runner
  }

  return {
    async checkUnchanged() {
      for (const target of JUDGE_TARGETS) {
        const failed = await (await runnerOf(target)).firstFailure(null)
        if (failed !== null) return failed
      }
      return null
    },
    async judge(mutant) {
      const target = JUDGE_TARGETS.find(({ files }) => files.includes(mutant.file))
      if (target === undefined) throw new Error(`no tests are named for ${mutant.file}`)
      const path = join(ROOT, mutant.file)
      const source = readFileSync(path, 'utf8')
      const text = applyMutant(source, mutant)
      const compiled = await compile(text)
      if (compiled === null) return { mutant, status: 'refused', by: null }
      if (compiled === (await compile(source))) return { mutant, status: 'same', by: null }
      // Where a file has rules of its own, only the lies that break these can tell.
      const rules = mutant.file.includes('/rules/') ? rulesIn(source) : []
      if (rules.length > 0) process.env.WARRANT_RULES = rules.join()
      else delete process.env.WARRANT_RULES
      const by = await (await runnerOf(target)).firstFailure({ path, text })
      return { mutant, status: by === null ? 'survived' : 'killed', by }
    },
    async close() {
      for (const runner of runners.values()) await (await runner).close()
    },
  }
}

/** What a source does, without its types; null where it is none. */
async function compile(source: string): Promise<string | null> {
  try {
    return (await transform(source, { loader: 'ts', minify: true })).code
  } catch {
    return null
  }
}

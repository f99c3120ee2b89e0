import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { transform } from 'esbuild'
import { createVitest } from 'vitest/node'
import { ROOT } from '../../root.ts'
import type { MutantResult } from '../mutantResult.ts'
import { applyMutant, type Mutant } from '../mutate/findMutants.ts'
import { JUDGE_TARGETS } from './judgeTargets.ts'

/** Runs the unit tests of a file on its mutants, one after the other, in one process. */
export type Judge = {
  /** The first test that fails on the sources as they are; null: none. */
  checkUnchanged(): Promise<string | null>
  judge(mutant: Mutant): Promise<MutantResult>
  close(): Promise<void>
}

/** Takes seconds: one for many mutants. */
export async function openJudge(): Promise<Judge> {
  let mutated: { path: string; text: string } | null = null
  const vitest = await createVitest(
    'test',
    {
      root: ROOT,
      watch: false,
      reporters: [{}],
      maxWorkers: 1,
      pool: 'threads',
      bail: 1,
      testTimeout: 20_000,
      passWithNoTests: true,
    },
    {
      plugins: [
        {
          name: 'mutant',
          enforce: 'pre',
          load: id => (mutated !== null && id.split('?')[0] === mutated.path ? mutated.text : null),
        },
      ],
    },
  )

  async function firstFailure(tests: readonly string[]): Promise<string | null> {
    const specifications = tests.map(test => vitest.getRootProject().createSpecification(join(ROOT, test)))
    const { testModules } = await vitest.runTestSpecifications(specifications, true)
    for (const module of testModules) {
      const [error] = module.errors()
      if (error !== undefined) return `${module.moduleId}: ${error.message}`
      for (const test of module.children.allTests('failed'))
        return `${test.fullName}: ${test.result().errors?.[0]?.message ?? 'failed'}`
      if (!module.ok()) return `${module.moduleId} failed`
      if ([...module.children.allTests('passed')].length === 0) return `${module.moduleId} has no test`
    }
    return null
  }

  return {
    async checkUnchanged() {
      for (const { tests } of JUDGE_TARGETS) {
        const failed = await firstFailure(tests)
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
      mutated = { path, text }
      vitest.invalidateFile(path)
      try {
        const by = await firstFailure(target.tests)
        return { mutant, status: by === null ? 'survived' : 'killed', by }
      } finally {
        mutated = null
        vitest.invalidateFile(path)
      }
    },
    close: () => vitest.close(),
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

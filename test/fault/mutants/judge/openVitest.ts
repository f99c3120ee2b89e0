import { join } from 'node:path'
import { createVitest } from 'vitest/node'
import { ROOT } from '../../root.ts'
import type { Replacement, TestRunner } from './openBundle.ts'

/** Test files by vitest itself, in a worker of their own each time: seconds for each mutant, for tests that replace modules. */
export async function openVitest(tests: readonly string[]): Promise<TestRunner> {
  let replaced: Replacement | null = null
  const vitest = await createVitest(
    'test',
    {
      ...{ root: ROOT, watch: false, reporters: [{}], maxWorkers: 1, pool: 'threads' as const, bail: 1 },
      ...{ testTimeout: 20_000, passWithNoTests: true },
    },
    {
      plugins: [
        {
          name: 'mutant',
          enforce: 'pre',
          load: id => (replaced !== null && id.split('?')[0] === replaced.path ? replaced.text : null),
        },
      ],
    },
  )

  async function firstFailure(): Promise<string | null> {
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
    async firstFailure(replacement) {
      replaced = replacement
      if (replacement !== null) vitest.invalidateFile(replacement.path)
      try {
        return await firstFailure()
      } finally {
        replaced = null
        if (replacement !== null) vitest.invalidateFile(replacement.path)
      }
    },
    close: () => vitest.close(),
  }
}

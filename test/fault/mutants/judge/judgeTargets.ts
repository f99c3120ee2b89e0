import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../../root.ts'

/** Code that decides what is allowed and what is true, with the unit tests that must notice when it changes. */
export type JudgeTarget = { files: readonly string[]; tests: readonly string[] }

/** The code, by files and folders, and where its tests stand: the one place that names them. */
const JUDGES: readonly { code: readonly string[]; tests: readonly string[] }[] = [
  { code: ['verifier/policy'], tests: ['verifier/policy'] },
  { code: ['verifier/audit/completeness.ts'], tests: ['verifier/audit/completeness.test.ts'] },
  { code: ['verifier/audit/executedCalls.ts'], tests: ['verifier/audit/executedCalls.test.ts'] },
  { code: ['verifier/audit/recordChecker.ts', 'verifier/audit/rules'], tests: ['verifier/audit/rules'] },
  { code: ['verifier/service/journal.ts'], tests: ['verifier/service/journal.test.ts'] },
]

const under = (path: string): string[] =>
  statSync(join(ROOT, path)).isDirectory()
    ? readdirSync(join(ROOT, path))
        .filter(name => name.endsWith('.ts'))
        .map(name => `${path}/${name}`)
    : [path]
const isTest = (file: string) => file.endsWith('.test.ts')

export const JUDGE_TARGETS: readonly JudgeTarget[] = JUDGES.map(({ code, tests }) => ({
  files: code.flatMap(under).filter(file => !isTest(file)),
  tests: tests.flatMap(under).filter(isTest),
}))

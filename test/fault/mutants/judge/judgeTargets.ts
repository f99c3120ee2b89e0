/** Code that decides what is allowed and what is true, with the unit tests that must notice when it changes. */
export type JudgeTarget = { files: readonly string[]; tests: readonly string[] }

export const JUDGE_TARGETS: readonly JudgeTarget[] = [
  {
    files: ['verifier/policy/policy.ts', 'verifier/policy/explainPolicy.ts', 'verifier/policy/gasCeiling.ts'],
    tests: ['verifier/policy/policy.test.ts', 'verifier/policy/explainPolicy.test.ts'],
  },
  { files: ['verifier/audit/completeness.ts'], tests: ['verifier/audit/completeness.test.ts'] },
  { files: ['verifier/audit/executedCalls.ts'], tests: ['verifier/audit/executedCalls.test.ts'] },
  { files: ['verifier/service/journal.ts'], tests: ['verifier/service/journal.test.ts'] },
]

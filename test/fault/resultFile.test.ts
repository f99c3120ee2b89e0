import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openResult, readResult, resultDigest, writeResult } from './resultFile.ts'

const mutants = { sites: 9, run: 4, killed: 3, equivalent: 0, noMutants: 1, killedPercent: 75, survivors: ['one'] }
const loss = {
  ...{ sequences: 2, honestSequences: 1, failed: [], faultsTold: 3 },
  ...{ succeeded: { swap: 1 }, refusedBy: {}, honest: { swap: 2 }, shares: { native: { once: 1, inWindow: 0.5 } } },
}

test.each([
  ['contracts', 'mutants of contracts', 'mutants --only contracts', mutants],
  ['judge', 'mutants of the judge', 'mutants --only judge', mutants],
  ['loss', 'sequences of an attacker', 'loss', loss],
] as const)('a result of %s is read while what it rests on stands, and refused after', (name, what, again, figures) => {
  const dir = mkdtempSync(join(tmpdir(), 'warrant-results-'))
  expect(() => readResult(name, dir)).toThrow(`no ${what} were run yet: run npm run faults -- ${again}`)
  const kept = { ...openResult(name, 7), figures } as never
  writeResult(name, kept, dir)
  const { commit, ...rest } = readResult(name, dir)
  expect(rest).toEqual(kept)
  writeResult(name, { ...(kept as object), digest: '0'.repeat(64) } as never, dir)
  expect(() => readResult(name, dir)).toThrow(
    `${what} were run at ${commit}, and what they rest on has changed since: run npm run faults -- ${again}`,
  )
  expect(commit).toMatch(/^[0-9a-f]{40}$|^no commit/)
  rmSync(dir, { recursive: true })
})

test('a result names a machine and the files of its own kind', () => {
  const { machine } = openResult('loss', 1)
  expect(machine.cores).toBeGreaterThan(0)
  const digests = (['contracts', 'judge', 'loss', 'treasury'] as const).map(resultDigest)
  expect(new Set(digests).size).toBe(4)
})

import { expect, test } from 'vitest'
import { mutantOptions } from './main.ts'
import type { MutantResult } from './mutantResult.ts'
import { scoreMutants } from './mutantScore.ts'
import { drawUniform } from './sampleMutants.ts'

const file = 'verifier/contracts/LogAnchor.sol'
const results = (count: number, status: MutantResult['status']): MutantResult[] =>
  Array.from({ length: count }, (_, i) => ({
    mutant: { id: `${file}:1:${i} truth: true → false`, file, operator: 'truth', line: 1, start: 0, end: 0, text: '' },
    status,
    by: null,
  }))

test('what is no mutant does not count, and proven equivalents only up to three in a hundred', () => {
  const run = [...results(100, 'killed'), ...results(5, 'equivalent'), ...results(7, 'refused'), ...results(2, 'same')]
  expect(scoreMutants(run)).toEqual({
    ...{ run: 105, killed: 100, equivalent: 3, noMutants: 9, survivors: [] },
    killedPercent: 98.03,
  })
  const one = scoreMutants([...results(3, 'killed'), ...results(1, 'survived')])
  expect([one.killedPercent, one.survivors.length]).toEqual([75, 1])
  expect(scoreMutants([]).killedPercent).toBe(0)
})

test('a sample is uniform, seeded, and in order', () => {
  const items = Array.from({ length: 50 }, (_, i) => i)
  const drawn = drawUniform(items, { count: 10, seed: 3 })
  expect(drawn).toEqual([...drawn].sort((a, b) => a - b))
  expect(new Set(drawn).size).toBe(10)
  expect(drawUniform(items, { count: 10, seed: 3 })).toEqual(drawn)
  expect(drawUniform(items, { count: 10, seed: 4 })).not.toEqual(drawn)
  expect(drawUniform(items, { count: 99, seed: 4 })).toEqual(items)
  const times = items.map(() => 0)
  for (let seed = 0; seed < 1_000; seed++)
    for (const i of drawUniform(items, { count: 10, seed })) times[i] = (times[i] ?? 0) + 1
  for (const count of times) expect(Math.abs(count - 200)).toBeLessThan(80)
})

test('the command line says what is run, or is refused', () => {
  expect(mutantOptions([])).toEqual({ seed: 1, cases: 300, only: null, workers: 2 })
  expect(mutantOptions(['--seed', '7', '--cases', '40', '--only', 'judge'])).toMatchObject({
    seed: 7,
    cases: 40,
    only: 'judge',
  })
  expect(mutantOptions(['--all']).cases).toBe(Number.MAX_SAFE_INTEGER)
  expect(() => mutantOptions(['--seed', 'x'])).toThrow('--seed must be a count')
  expect(() => mutantOptions(['--only', 'all'])).toThrow('--only must be contracts or judge')
})

import { afterAll, beforeAll, expect, test } from 'vitest'
import { readSources } from './compileSources.ts'
import { chosenMutants } from './mutantList.ts'
import type { MutantResult } from './mutantResult.ts'
import { scoreMutants } from './mutantScore.ts'
import { openContractJudge } from './openContractJudge.ts'
import { openSpecWorld, type SpecWorld } from './spec/specWorld.ts'

// Forty small changes to the contracts, drawn anew by every change of the seed; all of them: npm run faults -- mutants --all.
const SEED = 1
let world: SpecWorld
beforeAll(async () => {
  world = await openSpecWorld()
}, 120_000)
afterAll(() => world?.chain.stop())

test('a small change to a contract is noticed', async () => {
  const judge = await openContractJudge(world, readSources())
  const mutants = chosenMutants('contracts', { count: 40, seed: SEED }).slice(-40)
  const results: MutantResult[] = []
  for (const mutant of mutants) results.push(await judge(mutant))
  const { run, survivors, killedPercent } = scoreMutants(results)
  expect(run).toBeGreaterThan(20)
  expect(killedPercent, `survivors:\n${survivors.join('\n')}`).toBeGreaterThanOrEqual(97)
}, 600_000)

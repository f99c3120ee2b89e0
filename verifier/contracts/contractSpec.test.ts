import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compileSources, readSources } from '../../test/fault/mutants/compileSources.ts'
import { CONTRACT_SPECS } from '../../test/fault/mutants/spec/runSpec.ts'
import { openSpecWorld, type SpecWorld } from '../../test/fault/mutants/spec/specWorld.ts'

// What the contracts must do, case by case: the same cases judge small changes to them (npm run faults -- mutants).
let world: SpecWorld
beforeAll(async () => {
  world = await openSpecWorld()
}, 120_000)
afterAll(() => world?.chain.stop())

describe.each(CONTRACT_SPECS)('$about', ({ contract, open, cases }) => {
  let ready: string
  beforeAll(async () => {
    const compiled = compileSources(readSources(), [`verifier/contracts/${contract}.sol`])
    expect(compiled).not.toBeNull()
    await world.restart(compiled ?? {})
    await open(world)
    ready = await world.chain.snapshot()
  }, 120_000)
  test.each(cases)('$name', async ({ run }) => {
    ready = await world.chain.revert(ready)
    await run(world)
  })
})

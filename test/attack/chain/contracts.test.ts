import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Artifact } from '#runtime/chain/artifacts.ts'
import { type Devnet, startDevnet } from '#runtime/chain/devnet/startDevnet.ts'
import { createArena, EXECUTOR } from './arena.ts'
import { CONTRACT_ATTACKS } from './attacks/index.ts'
import { compileContracts } from './mutants.ts'

// Each attack is refused by the part that should refuse it, and succeeds once that defence is mutated away.
let net: Devnet
let intact: (name: string) => Artifact
beforeAll(async () => {
  net = await startDevnet({
    ...{ startSeconds: 1_700_000_000, startTick: 200_000, verifiers: [EXECUTOR.address], threshold: 1 },
    ...{ executor: EXECUTOR.address, treasury: { dollars: 1n, weth: 1n }, codeSizeLimit: 40_000 },
  })
  intact = compileContracts([])
}, 240_000)
afterAll(() => net?.stop())

test('the attacks have names of their own', () => {
  expect(new Set(CONTRACT_ATTACKS.map(({ name }) => name)).size).toBe(CONTRACT_ATTACKS.length)
})

describe('attacks on the contracts', () => {
  test.each(CONTRACT_ATTACKS)(
    '$name',
    async ({ refusedBy, without, attempt }) => {
      expect(await attempt(await createArena(net, intact))).toContain(refusedBy)
      expect(await attempt(await createArena(net, compileContracts(without, intact)))).toBe('succeeded')
    },
    240_000,
  )
})

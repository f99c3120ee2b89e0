import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Artifact } from '#runtime/chain/artifacts.ts'
import type { Devnet } from '#runtime/chain/devnet/startDevnet.ts'
import { attackerSequence } from './loss/attackerSequence.ts'
import { honestSequence } from './loss/honestSequence.ts'
import { openHonestWorld } from './loss/honestWorld.ts'
import { brokenLimit, roomAfter, worstShare } from './loss/limit.ts'
import { LOSS_FAULTS } from './loss/lossFaults.ts'
import { createLossTally, missingIn } from './loss/lossTally.ts'
import { openLossWorld } from './loss/lossWorld.ts'
import { startLossNet } from './loss/startLossNet.ts'
import { compileContracts } from './mutants.ts'

// Whatever k colluding verifiers do, no more leaves than the owners' limits let out. The long form: npm run faults -- loss
const SEQUENCES = 60
let net: Devnet
let intact: (name: string) => Artifact
beforeAll(async () => {
  net = await startLossNet()
  intact = compileContracts([])
}, 240_000)
afterAll(() => net?.stop())

test('no sequence of two verifiers’ keys, the executor’s and the pool lets out more than a limit, of any asset; no honest one is refused', async () => {
  const { tally, attacked, worked } = createLossTally()
  const world = await openLossWorld(net, intact)
  for (let seed = 1; seed <= SEQUENCES; seed++) attacked(await attackerSequence(world, seed))
  const honest = await openHonestWorld(net, intact)
  for (let seed = 1; seed <= SEQUENCES / 2; seed++) worked(await honestSequence(honest, seed))
  // They do all that they can do, up to the limits.
  expect(missingIn(tally)).toEqual([])
}, 600_000)

describe('without a defence a sequence tells so', () => {
  test.each(LOSS_FAULTS.filter(({ often }) => often))(
    '$name',
    async ({ without, told }) => {
      const world = await openLossWorld(net, compileContracts(without, intact))
      const lossy = async () => {
        for (let seed = 1; seed <= SEQUENCES; seed++) await attackerSequence(world, seed)
      }
      await expect(lossy()).rejects.toThrow(told)
    },
    600_000,
  )
})

describe('a limit by its definition', () => {
  const limit = { amount: 100n, window: 10 }
  const flows = (...all: [number, bigint][]) => all.map(([at, amount]) => ({ at, amount }))

  test('so much at once, and again as it leaks: at most twice in a window', () => {
    expect(brokenLimit(flows([0, 100n], [10, 100n]), limit)).toBeNull()
    expect(brokenLimit(flows([0, 100n], [5, 50n], [10, 50n]), limit)).toBeNull()
    expect(brokenLimit(flows([0, 101n]), limit)).toContain('101 left within 0 s')
    expect(brokenLimit(flows([0, 60n], [0, 41n]), limit)).toContain('101 left within 0 s')
    expect(brokenLimit(flows([0, 100n], [9, 91n]), limit)).toContain('191 left within 9 s')
    expect(brokenLimit(flows([0, 1n], [100, 100n], [101, 11n]), limit)).toContain('111 left within 1 s')
  })

  test('what is left of it, and how much of it was used', () => {
    expect(roomAfter([], limit, 7)).toBe(100n)
    expect(roomAfter(flows([0, 100n]), limit, 3)).toBe(30n)
    expect(roomAfter(flows([0, 100n], [3, 30n]), limit, 4)).toBe(10n)
    expect(roomAfter(flows([0, 100n]), limit, 50)).toBe(100n)
    expect(roomAfter(flows([0, 500n]), limit, 1)).toBe(0n)
    expect(worstShare(flows([0, 50n], [10, 50n], [30, 70n]), limit)).toEqual({ once: 0.7, inWindow: 0.5 })
  })
})

import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Devnet, startDevnet } from '#runtime/chain/devnet/startDevnet.ts'
import { EXECUTOR } from './arena.ts'
import { openLossArena } from './lossBound.ts'
import { compileContracts } from './mutants.ts'

// Whatever k colluding verifiers do, the loss stays within the owners' caps. The long form: npm run faults -- loss
let net: Devnet
beforeAll(async () => {
  net = await startDevnet({
    ...{ startSeconds: 1_700_000_000, startTick: 200_000, verifiers: [EXECUTOR.address], threshold: 1 },
    ...{ executor: EXECUTOR.address, treasury: { dollars: 1n, weth: 1n }, codeSizeLimit: 40_000 },
  })
}, 240_000)
afterAll(() => net?.stop())

test('200 random sequences never lose more than the caps allow', async () => {
  const run = await openLossArena(net, compileContracts([]))
  let executed = 0
  let worst = 0
  for (let seed = 1; seed <= 200; seed++) {
    const done = await run(seed)
    executed += done.executed
    worst = Math.max(worst, done.lossUsd / done.allowedUsd)
  }
  // They do hurt: the bound is not met for want of trying.
  expect(executed).toBeGreaterThan(200)
  expect(worst).toBeGreaterThan(0.1)
}, 300_000)

test('without the cap they do', async () => {
  const from = 'if (!fits) revert CapExceeded'
  const mutation = { file: 'verifier/contracts/WarrantModule.sol', from, to: 'if (1 == 2) revert CapExceeded' }
  const run = await openLossArena(net, compileContracts([mutation]))
  const lossy = async () => {
    for (let seed = 1; seed <= 60; seed++) await run(seed)
  }
  await expect(lossy()).rejects.toThrow(/seed \d+: lost/)
}, 300_000)

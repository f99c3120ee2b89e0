import { MUTANT_BARS } from '../fault/mutants/main.ts'
import type { MutantKind } from '../fault/mutants/runMutants.ts'
import { readResult } from '../fault/resultFile.ts'
import { atLeast, atMost, type Figure, reported } from './figure.ts'
import { measureSwapGas } from './treasury/swapGas.ts'

/** What guards the treasury: the gas of a guarded swap, how many small changes to the guards are noticed, what their limits let out. */
export async function guardBench(): Promise<Figure[]> {
  const kept = [
    mutantsKilled('contracts', 'contract-mutants-killed'),
    mutantsKilled('judge', 'judge-mutants-killed'),
    ...lossBound(),
  ]
  const { module, moduleWithApproval } = await measureSwapGas()
  return [
    atMost('swap-gas', module, 'gas', 195_000, 'standing allowance, one verifier, two bounds, cap, three assets'),
    atMost('swap-gas-approval', moduleWithApproval, 'gas', 206_000, 'approve and swap in one batch, nothing left'),
    ...kept,
  ]
}

/** @throws BAD_INPUT where sources or tests have changed since the last long run */
function mutantsKilled(kind: MutantKind, id: string): Figure {
  const { seed, commit, figures } = readResult(kind)
  const { killed, run, equivalent, sites, killedPercent } = figures
  const note = `${killed} of ${run} (${equivalent} proven equivalent), ${sites} sites, seed ${seed}, at ${commit.slice(0, 10)}`
  return atLeast(id, killedPercent, '%', MUTANT_BARS[kind], note)
}

/** @throws BAD_INPUT where contracts or sequences have changed since the last long run */
function lossBound(): Figure[] {
  const { seed, commit, figures } = readResult('loss')
  const { sequences, honestSequences, failed, faultsTold, shares, succeeded, honest } = figures
  const sum = (counts: Record<string, number>) => Object.values(counts).reduce((total, count) => total + count, 0)
  const most = 100 * Math.max(...Object.values(shares).map(({ once, inWindow }) => Math.max(once, inWindow)))
  const from = `from seed ${seed}, at ${commit.slice(0, 10)}`
  return [
    atMost('loss-sequences-failed', failed.length, '', 0, `of ${sequences} hostile and ${honestSequences} honest ones`),
    atMost('limit-used', most, '%', 100, `by ${sum(succeeded)} hostile batches of any asset, ${from}`),
    reported('honest-batches-executed', sum(honest), '', `none refused; ${faultsTold} faults told`),
  ]
}

import { MUTANT_BARS } from '../fault/mutants/main.ts'
import { readMutantResult } from '../fault/mutants/resultFile.ts'
import type { MutantKind } from '../fault/mutants/runMutants.ts'
import { atLeast, atMost, type Figure } from './figure.ts'
import { measureSwapGas } from './treasury/swapGas.ts'

/** What guards the treasury: the gas of a guarded swap, and how many small changes to the guards are noticed. */
export async function guardBench(): Promise<Figure[]> {
  const mutants = [
    mutantsKilled('contracts', 'contract-mutants-killed'),
    mutantsKilled('judge', 'judge-mutants-killed'),
  ]
  const { module, moduleWithApproval } = await measureSwapGas()
  return [
    atMost('swap-gas', module, 'gas', 195_000, 'standing allowance, one verifier, two bounds, cap, three assets'),
    atMost('swap-gas-approval', moduleWithApproval, 'gas', 206_000, 'approve and swap in one batch, nothing left'),
    ...mutants,
  ]
}

/** @throws BAD_INPUT where sources or tests have changed since the last long run */
function mutantsKilled(kind: MutantKind, id: string): Figure {
  const { killed, run, equivalent, sites, seed, commit, killedPercent } = readMutantResult(kind)
  const note = `${killed} of ${run} (${equivalent} proven equivalent), ${sites} sites, seed ${seed}, at ${commit.slice(0, 10)}`
  return atLeast(id, killedPercent, '%', MUTANT_BARS[kind], note)
}

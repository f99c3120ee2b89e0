import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../root.ts'
import { isEquivalent } from './equivalents.ts'
import type { MutantResult } from './mutantResult.ts'

/** The share of proven equivalents that may be left out of the count. */
const EQUIVALENT_SHARE = 0.03

export type MutantScore = {
  /** Mutants that were run: other programs that compile. */
  run: number
  killed: number
  /** Proven to be the same program, and left out. */
  equivalent: number
  /** Refused by the compiler, or the same program by the compiler's own word: no mutants. */
  noMutants: number
  killedPercent: number
  survivors: string[]
}

/** What a run says. Equivalent mutants beyond three in a hundred count as survivors. */
export function scoreMutants(results: readonly MutantResult[]): MutantScore {
  const ran = results.filter(({ status }) => status !== 'refused' && status !== 'same')
  const killed = ran.filter(({ status }) => status === 'killed').length
  const survived = ran.filter(({ status }) => status === 'survived').map(({ mutant }) => mutant)
  const sources = new Map<string, string>()
  const sourceOf = (file: string) => {
    const text = sources.get(file) ?? readFileSync(join(ROOT, file), 'utf8')
    sources.set(file, text)
    return text
  }
  const proven = survived.filter(mutant => isEquivalent(mutant, sourceOf(mutant.file)))
  const byCompiler = ran.filter(({ status }) => status === 'equivalent').length
  const equivalent = Math.min(byCompiler + proven.length, Math.floor(EQUIVALENT_SHARE * ran.length))
  const counted = ran.length - equivalent
  return {
    ...{ run: ran.length, killed, equivalent, noMutants: results.length - ran.length },
    killedPercent: counted === 0 ? 0 : Math.floor((10_000 * killed) / counted) / 100,
    survivors: survived.filter(mutant => !proven.includes(mutant)).map(({ id }) => id),
  }
}

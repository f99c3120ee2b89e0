import type { Mutant } from './mutate/findMutants.ts'

/** How a mutant fared. One that is refused by the compiler, or is the same program, does not count. */
export type MutantResult = {
  mutant: Mutant
  status: 'killed' | 'survived' | 'refused' | 'same'
  /** The first expectation that failed. */
  by: string | null
}

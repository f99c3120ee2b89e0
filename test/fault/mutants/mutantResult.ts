import type { Mutant } from './mutate/findMutants.ts'

/**
 * How a mutant fared. One that the compiler refuses, or whose code is the same byte by byte, is no mutant. One that the
 * optimiser turns into the original's code is equivalent, by the compiler's own proof.
 */
export type MutantResult = {
  mutant: Mutant
  status: 'killed' | 'survived' | 'equivalent' | 'refused' | 'same'
  /** The first expectation that failed. */
  by: string | null
}

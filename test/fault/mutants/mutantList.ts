import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../root.ts'
import { readSources } from './compileSources.ts'
import { JUDGE_TARGETS } from './judge/judgeTargets.ts'
import { knownMutants } from './knownMutants.ts'
import { findMutants, type Mutant } from './mutate/findMutants.ts'
import type { MutantKind } from './runMutants.ts'
import { drawUniform } from './sampleMutants.ts'

/** Every mutant of a kind that the operators offer. */
export function allMutants(kind: MutantKind): Mutant[] {
  if (kind === 'contracts')
    return Object.entries(readSources())
      .filter(([file]) => /^verifier\/contracts\/\w+\.sol$/.test(file))
      .flatMap(([file, source]) => findMutants(file, source))
  return JUDGE_TARGETS.flatMap(({ files }) => files).flatMap(file =>
    findMutants(file, readFileSync(join(ROOT, file), 'utf8')),
  )
}

/** A seeded uniform sample of a kind's mutants, behind the known ones. */
export function chosenMutants(kind: MutantKind, { count, seed }: { count: number; seed: number }): Mutant[] {
  const known = kind === 'contracts' ? knownMutants(readSources()) : []
  return [...known, ...drawUniform(allMutants(kind), { count, seed })]
}

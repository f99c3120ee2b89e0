import { dirname, join, normalize } from 'node:path'
import { type CompiledSet, compileSources } from './compileSources.ts'
import type { MutantResult } from './mutantResult.ts'
import { applyMutant, type Mutant } from './mutate/findMutants.ts'
import { CONTRACT_SPECS, runSpec } from './spec/runSpec.ts'
import type { ContractSpec } from './spec/specCase.ts'
import type { SpecWorld } from './spec/specWorld.ts'

type Sources = Readonly<Record<string, string>>
const pathOf = ({ contract }: ContractSpec) => `verifier/contracts/${contract}.sol`

/** A contract's file and all that it imports. */
function filesBehind(sources: Sources, file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen
  seen.add(file)
  for (const [, target = ''] of (sources[file] ?? '').matchAll(/^import [^;]*"([^"]+)";/gm))
    filesBehind(sources, normalize(join(dirname(file), target)), seen)
  return seen
}

/** The specifications of the contracts that hold code of a file. */
export function specsOf(sources: Sources, file: string): readonly ContractSpec[] {
  return CONTRACT_SPECS.filter(spec => filesBehind(sources, pathOf(spec)).has(file))
}

/** Fails where the contracts as they are do not pass: then nothing could be said about their mutants. @throws Error */
export async function checkUnchanged(world: SpecWorld, sources: Sources): Promise<Record<string, CompiledSet>> {
  const intact: Record<string, CompiledSet> = {}
  for (const spec of CONTRACT_SPECS) {
    const compiled = compileSources(sources, [pathOf(spec)])
    if (compiled === null) throw new Error(`${pathOf(spec)} does not compile`)
    const failed = await runSpec(world, { spec, compiled })
    if (failed !== null) throw new Error(`${spec.about} itself: ${failed.name}: ${failed.message}`)
    intact[spec.contract] = compiled
  }
  return intact
}

export type JudgeContractMutantParameters = { sources: Sources; intact: Record<string, CompiledSet>; mutant: Mutant }

/** Neighbouring mutants often fail the same case: it is tried first. */
const lastKiller = new Map<string, string>()

/** Compiles a mutant, and runs what is said about the contracts that it is in until something fails. */
export async function judgeContractMutant(
  world: SpecWorld,
  { sources, intact, mutant }: JudgeContractMutantParameters,
): Promise<MutantResult> {
  const changed = { ...sources, [mutant.file]: applyMutant(sources[mutant.file] as string, mutant) }
  const specs = specsOf(sources, mutant.file)
  if (specs.length === 0) return { mutant, status: 'survived', by: 'no specification covers it' }
  let same = true
  for (const spec of specs) {
    const compiled = compileSources(changed, [pathOf(spec)])
    if (compiled === null) return { mutant, status: 'refused', by: null }
    if (compiled[spec.contract]?.bytecode === intact[spec.contract]?.[spec.contract]?.bytecode) continue
    same = false
    const failed = await runSpec(world, { spec, compiled, first: lastKiller.get(spec.about) })
    if (failed === null) continue
    lastKiller.set(spec.about, failed.name)
    return { mutant, status: 'killed', by: `${failed.name}: ${failed.message}` }
  }
  if (same || isSameOptimized(specs, sources, changed)) return { mutant, status: 'same', by: null }
  return { mutant, status: 'survived', by: null }
}

/** Whether the optimiser makes one program of both: the compiler's own proof that nothing differs. */
function isSameOptimized(specs: readonly ContractSpec[], before: Sources, after: Sources): boolean {
  return specs.every(spec => {
    const [a, b] = [before, after].map(
      sources => compileSources(sources, [pathOf(spec)], { optimize: true })?.[spec.contract]?.bytecode,
    )
    return a !== undefined && a === b
  })
}

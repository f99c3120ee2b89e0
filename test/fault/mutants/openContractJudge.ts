import { dirname, join, normalize } from 'node:path'
import { type CompiledSet, compileSources } from './compileSources.ts'
import type { MutantResult } from './mutantResult.ts'
import { applyMutant, type Mutant } from './mutate/findMutants.ts'
import { CONTRACT_SPECS, runSpec } from './spec/runSpec.ts'
import type { ContractSpec } from './spec/specCase.ts'
import type { ContractName, SpecWorld } from './spec/specWorld.ts'

type Sources = Readonly<Record<string, string>>
const pathOf = (contract: ContractName) => `verifier/contracts/${contract}.sol`

/** A contract's file and all that it imports. */
function filesBehind(sources: Sources, file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen
  seen.add(file)
  for (const [, target = ''] of (sources[file] ?? '').matchAll(/^import [^;]*"([^"]+)";/gm))
    filesBehind(sources, normalize(join(dirname(file), target)), seen)
  return seen
}

/** What is said about the contracts that hold code of a file. */
function specsOf(sources: Sources, file: string): readonly ContractSpec[] {
  return CONTRACT_SPECS.filter(({ contract }) => filesBehind(sources, pathOf(contract)).has(file))
}

/**
 * Judges mutants of contracts: compiles each, and runs what is said about the contracts that it is in until something fails.
 *
 * @throws Error where the contracts as they are do not pass: then nothing could be said about their mutants
 */
export async function openContractJudge(
  world: SpecWorld,
  sources: Sources,
): Promise<(mutant: Mutant) => Promise<MutantResult>> {
  const intact = new Map<ContractName, CompiledSet>()
  for (const spec of CONTRACT_SPECS) {
    const compiled = intact.get(spec.contract) ?? compileSources(sources, [pathOf(spec.contract)])
    if (compiled === null) throw new Error(`${pathOf(spec.contract)} does not compile`)
    const failed = await runSpec(world, { spec, compiled })
    if (failed !== null) throw new Error(`${spec.about} itself: ${failed.name}: ${failed.message}`)
    intact.set(spec.contract, compiled)
  }
  const codeOf = (contract: ContractName, compiled: CompiledSet | undefined) => compiled?.[contract]?.bytecode

  /** Neighbouring mutants often fail the same case: it is tried first. */
  const lastKiller = new Map<string, string>()
  const optimizedIntact = new Map<ContractName, string | undefined>()

  /** What the optimiser makes of a contract. */
  const optimized = (contract: ContractName, from: Sources) =>
    codeOf(contract, compileSources(from, [pathOf(contract)], { optimize: true }) ?? {})

  function isProvenSame(contract: ContractName, changed: Sources): boolean {
    if (!optimizedIntact.has(contract)) optimizedIntact.set(contract, optimized(contract, sources))
    const before = optimizedIntact.get(contract)
    return before !== undefined && before === optimized(contract, changed)
  }

  return async mutant => {
    const changed = { ...sources, [mutant.file]: applyMutant(sources[mutant.file] as string, mutant) }
    const specs = specsOf(sources, mutant.file)
    const contracts = [...new Set(specs.map(({ contract }) => contract))]
    const compiled = new Map<ContractName, CompiledSet>()
    for (const contract of contracts) {
      const set = compileSources(changed, [pathOf(contract)])
      if (set === null) return { mutant, status: 'refused', by: null }
      if (codeOf(contract, set) !== codeOf(contract, intact.get(contract))) compiled.set(contract, set)
    }
    if (contracts.length > 0 && compiled.size === 0) return { mutant, status: 'same', by: null }
    for (const spec of specs) {
      const set = compiled.get(spec.contract)
      if (set === undefined) continue
      const failed = await runSpec(world, { spec, compiled: set, first: lastKiller.get(spec.about) })
      if (failed === null) continue
      lastKiller.set(spec.about, failed.name)
      return { mutant, status: 'killed', by: `${failed.name}: ${failed.message}` }
    }
    const isProven = contracts.length > 0 && contracts.every(contract => isProvenSame(contract, changed))
    return { mutant, status: isProven ? 'equivalent' : 'survived', by: null }
  }
}

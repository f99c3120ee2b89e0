import type { CompiledSet } from '../compileSources.ts'
import { guardSpec } from './guardSpec.ts'
import { logAnchorSpec } from './logAnchorSpec.ts'
import type { ContractSpec } from './specCase.ts'
import type { SpecWorld } from './specWorld.ts'

/** All that is said about the contracts. */
export const CONTRACT_SPECS: readonly ContractSpec[] = [guardSpec, logAnchorSpec]

/** What a contract did otherwise than it must, and in which case. */
export type SpecFailure = { name: string; message: string }

/** The first thing that a contract does otherwise than it must; null where it does all. `first` names a case to start with. */
export async function runSpec(
  world: SpecWorld,
  { spec, compiled, first }: { spec: ContractSpec; compiled: CompiledSet; first?: string | undefined },
): Promise<SpecFailure | null> {
  await world.restart(compiled)
  const opened = await failure(() => spec.open(world))
  if (opened !== null) return { name: `${spec.about} is deployed`, message: opened }
  let ready = await world.chain.snapshot()
  const cases = [...spec.cases].sort((a, b) => Number(b.name === first) - Number(a.name === first))
  for (const { name, run } of cases) {
    const failed = await failure(() => run(world))
    if (failed !== null) return { name, message: failed }
    ready = await world.chain.revert(ready)
  }
  return null
}

async function failure(run: () => Promise<void>): Promise<string | null> {
  try {
    await run()
    return null
  } catch (error) {
    return (error as Error).message
  }
}

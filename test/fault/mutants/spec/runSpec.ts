import type { CompiledSet } from '../compileSources.ts'
import { guardSpec } from './guardSpec.ts'
import { logAnchorSpec } from './logAnchorSpec.ts'
import { arbitrumSpec } from './module/blocks.ts'
import { moduleSpec } from './module/moduleSpec.ts'
import type { ContractSpec } from './specCase.ts'
import type { SpecWorld } from './specWorld.ts'

/** All that is said about the contracts. */
export const CONTRACT_SPECS: readonly ContractSpec[] = [guardSpec, logAnchorSpec, moduleSpec, arbitrumSpec]

/** What a contract did otherwise than it must, and in which case. */
export type SpecFailure = { name: string; message: string }

/** The first thing that a contract does otherwise than it must; null where it does all. `first` names a case to start with. */
export async function runSpec(
  world: SpecWorld,
  { spec, compiled, first }: { spec: ContractSpec; compiled: CompiledSet; first?: string | undefined },
): Promise<SpecFailure | null> {
  // What fails is tried once more: a busy machine is no fault of a contract.
  const open = async () => {
    await world.restart(compiled)
    return failure(() => spec.open(world))
  }
  const opened = (await open()) && (await open())
  if (opened !== null) return { name: `${spec.about} is deployed`, message: opened }
  let ready = await world.chain.snapshot()
  const cases = [...spec.cases].sort((a, b) => Number(b.name === first) - Number(a.name === first))
  for (const { name, run } of cases) {
    const attempt = async () => {
      const failed = await failure(() => run(world))
      ready = await world.chain.revert(ready)
      return failed
    }
    const failed = (await attempt()) && (await attempt())
    if (failed !== null) return { name, message: failed }
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

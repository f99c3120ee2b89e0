// One process that judges mutants of one kind, as the run hands them out: `contracts` or `judge`.
import type { MutantResult } from './mutantResult.ts'
import type { Mutant } from './mutate/findMutants.ts'

/** What a worker answers: that it is ready, a result, or why it could not work. */
export type WorkerAnswer = { ready: true } | { result: MutantResult } | { failed: string }

const answer = (message: WorkerAnswer) => process.send?.(message)

async function open(kind: string): Promise<(mutant: Mutant) => Promise<MutantResult>> {
  if (kind === 'judge') {
    const { openJudge } = await import('./judge/openJudge.ts')
    const judge = await openJudge()
    const failed = await judge.checkUnchanged()
    if (failed !== null) throw new Error(`the sources themselves: ${failed}`)
    process.once('disconnect', () => void judge.close().then(() => process.exit()))
    return mutant => judge.judge(mutant)
  }
  const { openSpecWorld } = await import('./spec/specWorld.ts')
  const { readSources } = await import('./compileSources.ts')
  const { openContractJudge } = await import('./openContractJudge.ts')
  const world = await openSpecWorld()
  process.once('disconnect', () => void world.chain.stop().then(() => process.exit()))
  return openContractJudge(world, readSources())
}

try {
  const judge = await open(process.argv[2] ?? '')
  process.on('message', async (mutant: Mutant) => {
    try {
      answer({ result: await judge(mutant) })
    } catch (error) {
      answer({ failed: `${mutant.id}: ${(error as Error).message}` })
    }
  })
  answer({ ready: true })
} catch (error) {
  answer({ failed: (error as Error).message })
  process.disconnect?.()
}

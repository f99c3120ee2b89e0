import { type ChildProcess, fork } from 'node:child_process'
import { extname } from 'node:path'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { MutantResult } from './mutantResult.ts'
import type { WorkerAnswer } from './mutantWorker.ts'
import type { Mutant } from './mutate/findMutants.ts'

export type MutantKind = 'contracts' | 'judge'
export type RunMutantsParameters = {
  kind: MutantKind
  mutants: readonly Mutant[]
  /** Processes at a time. */
  workers: number
  /** After so long without an answer a mutant that never ends counts as killed. Milliseconds. */
  patienceMs: number
  onResult(result: MutantResult, done: number): void
}

/**
 * Judges mutants in processes of their own: one that never ends takes nothing with it.
 *
 * @throws WORKER_FAILED where the sources themselves fail, or a worker does
 */
export async function runMutants({
  kind,
  mutants,
  workers,
  patienceMs,
  onResult,
}: RunMutantsParameters): Promise<MutantResult[]> {
  const results: (MutantResult | undefined)[] = mutants.map(() => undefined)
  let [next, done] = [0, 0]

  async function work(): Promise<void> {
    let worker = await startWorker(kind, 20 * patienceMs)
    for (let i = next++; i < mutants.length; i = next++) {
      const mutant = mutants[i] as Mutant
      const answer = await worker.ask(mutant, patienceMs)
      if (answer === null) {
        worker.kill()
        worker = await startWorker(kind, 20 * patienceMs)
      }
      const result: MutantResult = answer ?? { mutant, status: 'killed', by: 'it never ends' }
      results[i] = result
      onResult(result, ++done)
    }
    worker.end()
  }
  await Promise.all(Array.from({ length: Math.min(workers, mutants.length) }, work))
  return results.filter(result => result !== undefined)
}

type Worker = { ask(mutant: Mutant, patienceMs: number): Promise<MutantResult | null>; kill(): void; end(): void }

async function startWorker(kind: MutantKind, patienceMs: number): Promise<Worker> {
  const child = fork(new URL(`./mutantWorker${extname(import.meta.url)}`, import.meta.url), [kind], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const answered = answerOf(child, patienceMs)
  const first = await answered
  if (first === null || !('ready' in first)) {
    child.kill('SIGKILL')
    throw failure(
      first === null ? 'a worker did not start' : 'failed' in first ? first.failed : 'it answers before it is asked',
    )
  }
  return {
    async ask(mutant, patience) {
      const answer = answerOf(child, patience)
      child.send(mutant)
      const message = await answer
      if (message === null) return null
      if ('result' in message) return message.result
      throw failure('failed' in message ? message.failed : 'it starts again')
    },
    kill: () => child.kill('SIGKILL'),
    end: () => child.disconnect(),
  }
}

const failure = (why: string) => new WarrantError('WORKER_FAILED', `mutants cannot be judged: ${why}`)

/** The next message of a worker; null when none comes in time. A worker that ends says so. */
function answerOf(child: ChildProcess, patienceMs: number): Promise<WorkerAnswer | null> {
  return new Promise(resolve => {
    const settle = (answer: WorkerAnswer | null) => {
      clearTimeout(timer)
      child.off('message', onMessage)
      child.off('exit', onExit)
      resolve(answer)
    }
    const onMessage = (message: unknown) => settle(message as WorkerAnswer)
    const onExit = (code: number | null) => settle({ failed: `a worker ended with ${code}` })
    const timer = setTimeout(() => settle(null), patienceMs)
    child.on('message', onMessage)
    child.on('exit', onExit)
  })
}

import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { WarrantError } from '#verifier/evidence/error.ts'
import { type Partials, UNIT, type UnitReport } from '#verifier/log/verifyUnit.ts'

/** What a thread is asked, and what it answers. */
export type UnitRequest = { index: number; count: number }
export type UnitAnswer = UnitReport & { index: number }
export type UnitThreadData = { dir: string; partials: Partials }

/** Built as dist/runtime/log/unitThread.js, which plain Node can run. */
const THREAD = ['./unitThread.js', '../../dist/runtime/log/unitThread.js']
  .map(path => fileURLToPath(new URL(path, import.meta.url)))
  .find(existsSync) as string

/** Verifies a tree's units on every core: each takes the next one as soon as it is done. */
export function verifyUnits(dir: string, threads = availableParallelism()) {
  return async function* units(partials: Partials, size: number): AsyncGenerator<UnitAnswer> {
    const jobs: UnitRequest[] = []
    for (let index = 0; index * UNIT < size; index++) jobs.push({ index, count: Math.min(UNIT, size - index * UNIT) })
    const answers: Promise<UnitAnswer>[] = []
    const settle: ((answer: UnitAnswer) => void)[] = []
    let fail: (error: unknown) => void = () => {}
    const failed = new Promise<never>((_, reject) => {
      fail = reject
    })
    failed.catch(() => {})
    for (const { index } of jobs) answers[index] = new Promise(resolve => (settle[index] = resolve))
    let next = 0
    const workers = Array.from({ length: Math.min(threads, jobs.length) }, () => {
      const worker = new Worker(THREAD, { workerData: { dir, partials } satisfies UnitThreadData })
      const give = () => {
        const job = jobs[next++]
        if (job !== undefined) worker.postMessage(job)
      }
      worker.on('message', (answer: UnitAnswer) => {
        settle[answer.index]?.(answer)
        give()
      })
      worker.on('error', cause => fail(new WarrantError('REFUSED', 'a verifying thread failed', { cause })))
      give()
      return worker
    })
    try {
      for (const answer of answers) yield await Promise.race([answer, failed])
    } finally {
      for (const worker of workers) void worker.terminate()
    }
  }
}

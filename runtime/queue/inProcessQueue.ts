import type { Worker } from '#runtime/worker/createWorker.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { Job, JobResult, QueuePort } from '#verifier/evidence/ports/queue.ts'

/** Jobs that one call of a worker takes at most. */
const BATCH = 64

type Waiting = { job: Job; resolve: (result: JobResult) => void; reject: (error: unknown) => void }

/**
 * The queue without Redis: workers in this process. Jobs that arrive together go to a free worker as one batch; jobs
 * that arrive while all are busy wait.
 */
export function createInProcessQueue(workers: readonly Worker[]): QueuePort {
  const free = [...workers]
  let waiting: Waiting[] = []
  let closed = false

  async function pump(): Promise<void> {
    // Jobs of one turn of the event loop share a batch, and so a signature.
    await null
    while (waiting.length > 0 && free.length > 0) {
      const worker = free.shift() as Worker
      const batch = waiting.slice(0, BATCH)
      waiting = waiting.slice(BATCH)
      worker
        .run(batch.map(item => item.job))
        .then(
          results =>
            batch.forEach((item, i) => {
              const result = results[i]
              if (result === undefined || result instanceof WarrantError) item.reject(result ?? noAnswer(worker))
              else item.resolve(result)
            }),
          cause => {
            for (const item of batch)
              item.reject(new WarrantError('WORKER_FAILED', `worker ${worker.id} failed`, { cause, retry: 'safe' }))
          },
        )
        .finally(() => {
          free.push(worker)
          void pump()
        })
    }
  }

  return {
    dispatch(job) {
      if (closed) return Promise.reject(new WarrantError('WORKER_FAILED', 'the queue is closed'))
      return new Promise((resolve, reject) => {
        waiting.push({ job, resolve, reject })
        void pump()
      })
    },
    async close() {
      closed = true
      for (const worker of workers) await worker.close()
    },
  }
}

function noAnswer(worker: Worker): WarrantError {
  return new WarrantError('WORKER_FAILED', `worker ${worker.id} gave no answer to a job`, { retry: 'safe' })
}

import type { Worker } from '#runtime/worker/createWorker.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { Job, JobResult, QueuePort } from '#verifier/evidence/ports/queue.ts'

/** Jobs that one call of a worker takes at most. */
const BATCH = 64

type Waiting = {
  job: Job
  /** Workers that must not get it, or have failed it. */
  not: Set<string>
  resolve: (result: JobResult) => void
  reject: (error: unknown) => void
}

/**
 * The queue without Redis: workers in this process, or behind HTTP. Jobs that arrive together go to a free worker as one
 * batch; jobs that arrive while all are busy wait. What a worker fails without having done harm goes to another.
 */
export function createInProcessQueue(workers: readonly Worker[]): QueuePort {
  const free = [...workers]
  let waiting: Waiting[] = []
  let closed = false
  const aside = new Set<string>()
  const busy = new Set<string>()

  /** The next free worker, and the jobs it takes. */
  function match(): { worker: Worker; batch: Waiting[] } | null {
    for (const [i, worker] of free.entries()) {
      const batch = waiting.filter(item => !item.not.has(worker.id)).slice(0, BATCH)
      if (batch.length === 0) continue
      free.splice(i, 1)
      busy.add(worker.id)
      const taken = new Set(batch)
      waiting = waiting.filter(item => !taken.has(item))
      return { worker, batch }
    }
    return null
  }

  function failed(item: Waiting, worker: Worker, error: WarrantError): void {
    item.not.add(worker.id)
    if (error.retry === 'safe' && !closed && workers.some(({ id }) => !item.not.has(id) && !aside.has(id)))
      waiting.push(item)
    else item.reject(error)
  }

  async function pump(): Promise<void> {
    // Jobs of one turn of the event loop share a batch, and so a signature.
    await null
    for (let next = match(); next !== null; next = match()) {
      const { worker, batch } = next
      worker
        .run(batch.map(item => item.job))
        .then(
          results => {
            for (const [i, item] of batch.entries()) {
              const result = results[i] ?? noAnswer(worker)
              if (result instanceof WarrantError) failed(item, worker, result)
              else item.resolve(result)
            }
          },
          cause => {
            for (const item of batch)
              failed(
                item,
                worker,
                new WarrantError('WORKER_FAILED', `worker ${worker.id} failed`, { cause, retry: 'safe' }),
              )
          },
        )
        .finally(() => {
          busy.delete(worker.id)
          if (!aside.has(worker.id)) free.push(worker)
          void pump()
        })
    }
  }

  return {
    dispatch(job, avoid) {
      if (closed) return Promise.reject(new WarrantError('WORKER_FAILED', 'the queue is closed'))
      if (!workers.some(({ id }) => !avoid?.has(id) && !aside.has(id))) return Promise.reject(noneLeft())
      return new Promise((resolve, reject) => {
        waiting.push({ job, not: new Set(avoid), resolve, reject })
        void pump()
      })
    },
    async setAside(worker) {
      const at = free.findIndex(({ id }) => id === worker)
      if (at >= 0) free.splice(at, 1)
      aside.add(worker)
      // What waits for it alone would wait for ever.
      for (const item of waiting.filter(({ not }) => !workers.some(({ id }) => !aside.has(id) && !not.has(id)))) {
        waiting = waiting.filter(other => other !== item)
        item.reject(noneLeft())
      }
    },
    async readmit(worker) {
      const back = workers.find(({ id }) => id === worker)
      if (back === undefined || !aside.delete(worker)) return
      // One that still works comes back by itself.
      if (!busy.has(worker)) free.push(back)
      void pump()
    },
    aside: async () => null,
    async close() {
      closed = true
      for (const worker of workers) await worker.close()
    },
  }
}

function noneLeft(): WarrantError {
  return new WarrantError('WORKER_FAILED', 'no worker is left: all were set aside or have failed')
}

function noAnswer(worker: Worker): WarrantError {
  return new WarrantError('WORKER_FAILED', `worker ${worker.id} gave no answer to a job`, { retry: 'safe' })
}

import { type Job as BullJob, Worker as BullWorker, Queue, QueueEvents } from 'bullmq'
import { Redis, type RedisOptions } from 'ioredis'
import type { Worker } from '#runtime/worker/createWorker.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Job, QueuePort } from '#verifier/evidence/ports/queue.ts'
import { originOf } from '#verifier/evidence/text/redact.ts'
import { createInProcessQueue } from './inProcessQueue.ts'
import { encodeJobResult, jobResult, jobSchema } from './jobSchema.ts'

export const QUEUE_NAME = 'warrant-jobs'

/** Jobs of one request that a worker died on are tried again elsewhere, so many times in all. */
const ATTEMPTS = 3

/** Requests whose tries are counted. */
const REMEMBERED = 100_000

/** Where a gateway tells workers that they get no more jobs: a hash, until when by worker, empty for no end. */
const asideKey = (prefix: string) => `${prefix}:aside`
const ASIDE_EVERY_MS = 500

function untilOf(text: string): number | null {
  return text === '' ? null : Number(text)
}

/** Lets a worker take jobs again, from outside of gateway and worker. False: it was not set aside. @throws UNREACHABLE */
export async function readmitWorker({
  url,
  worker,
  prefix = 'warrant',
}: {
  url: string
  worker: string
  prefix?: string
}): Promise<boolean> {
  const connection = await connectRedis(url)
  try {
    return (await connection.hdel(asideKey(prefix), worker)) === 1
  } finally {
    connection.disconnect()
  }
}

/** How long a Redis has to answer the first question. */
const CONNECT_MS = 10_000

/** Connects, or says which Redis does not answer. @throws UNREACHABLE */
export async function connectRedis(url: string, options: RedisOptions = {}): Promise<Redis> {
  const settings: RedisOptions = {
    lazyConnect: true,
    maxRetriesPerRequest: null,
    retryStrategy: () => null,
    ...options,
  }
  const client: Redis = new Redis(url, settings as RedisOptions & { replyMapping?: never })
  let last: unknown
  client.on('error', error => {
    last = error
  })
  // One that takes the connection and says nothing is none.
  const silent = setTimeout(() => {
    last = new Error(`no answer within ${CONNECT_MS} ms`)
    client.disconnect()
  }, CONNECT_MS)
  try {
    await client.connect()
    await client.ping()
  } catch (error) {
    client.disconnect()
    throw new WarrantError('UNREACHABLE', `no Redis answers at ${originOf(url)}: ${reasonOf(last ?? error)}`, {
      cause: error,
      retry: 'safe',
    })
  } finally {
    clearTimeout(silent)
  }
  client.options.retryStrategy = times => Math.min(times * 100, 2_000)
  return client
}

/** The queue on Redis, as the gateway sees it: same interface as the in-process one. @throws UNREACHABLE */
export async function createBullQueue({
  url,
  prefix = 'warrant',
}: {
  url: string
  prefix?: string
}): Promise<QueuePort> {
  const connections = await Promise.all([connectRedis(url), connectRedis(url)])
  const queue = new Queue(QUEUE_NAME, { connection: connections[0] as never, prefix })
  const events = new QueueEvents(QUEUE_NAME, { connection: connections[1] as never, prefix })
  const tries = new Map<string, number>()
  // One listener per job in flight is no leak.
  queue.setMaxListeners(0)
  events.setMaxListeners(0)
  await Promise.all([queue.waitUntilReady(), events.waitUntilReady()])
  return {
    async dispatch(job) {
      // The request's nonce is the job's id: the same request is never queued twice, unless an answer to it did not hold.
      const times = tries.get(job.nonce) ?? 0
      tries.set(job.nonce, times + 1)
      if (tries.size > REMEMBERED) tries.delete(tries.keys().next().value as string)
      const added = await queue.add('infer', job, {
        jobId: times === 0 ? job.nonce : `${job.nonce}-${times}`,
        attempts: ATTEMPTS,
        removeOnComplete: 1_000,
        removeOnFail: 1_000,
      })
      const left = Math.max(1, job.deadlineMs - Date.now())
      const done = await added.waitUntilFinished(events, left).catch((cause: unknown) => {
        const text = reasonOf(cause)
        throw /timed out before finishing/.test(text)
          ? new WarrantError('TIMED_OUT', 'no worker answered in time', { cause })
          : new WarrantError('WORKER_FAILED', text, { cause, retry: 'safe' })
      })
      const parsed = jobResult.safeParse(done)
      if (!parsed.success)
        throw new WarrantError(
          'WORKER_FAILED',
          `a worker's answer is malformed: ${parsed.error.issues[0]?.path.join('.')}`,
          { retry: 'safe' },
        )
      return parsed.data
    },
    async setAside(worker, untilMs) {
      await connections[0].hset(asideKey(prefix), worker, untilMs === null ? '' : String(untilMs))
    },
    async readmit(worker) {
      await connections[0].hdel(asideKey(prefix), worker)
    },
    async aside() {
      const held = await connections[0].hgetall(asideKey(prefix))
      return new Map(Object.entries(held).map(([worker, until]) => [worker, untilOf(until)]))
    },
    async close() {
      await events.close()
      await queue.close()
      for (const connection of connections) connection.disconnect()
    },
  }
}

export type RunningBullWorker = { done: () => number; close(): Promise<void> }

/** Takes jobs from Redis for a worker, several at once, so that one signature covers what finishes together. @throws UNREACHABLE */
export async function runBullWorker({
  url,
  worker,
  concurrency,
  prefix = 'warrant',
}: {
  url: string
  worker: Worker
  concurrency: number
  prefix?: string
}): Promise<RunningBullWorker> {
  const connection = await connectRedis(url)
  const local = createInProcessQueue([worker])
  let done = 0
  const start = async (): Promise<BullWorker> => {
    const bull = new BullWorker(
      QUEUE_NAME,
      async (job: BullJob): Promise<ReturnType<typeof encodeJobResult>> => {
        const parsed = jobSchema.safeParse(job.data)
        if (!parsed.success) throw new Error(`the job is malformed: ${parsed.error.issues[0]?.path.join('.')}`)
        if (parsed.data.deadlineMs < Date.now()) throw new Error('the job is past its deadline')
        const result = await local.dispatch(parsed.data as Job)
        done++
        return encodeJobResult(result)
      },
      // A worker that dies is noticed after the lock's time, and its jobs go to another.
      {
        connection: connection as never,
        prefix,
        concurrency,
        lockDuration: 5_000,
        stalledInterval: 2_000,
        maxStalledCount: ATTEMPTS,
      },
    )
    bull.on('error', () => {})
    await bull.waitUntilReady()
    return bull
  }
  let bull: BullWorker | null = await start()
  let looking: Promise<void> = Promise.resolve()
  /** Jobs in hand are finished; a new taker is started when it may come back: a paused one can miss what waits. */
  async function lookAside(): Promise<void> {
    // A Redis that does not answer changes nothing.
    const held = await connection.hget(asideKey(prefix), worker.id).catch(() => undefined)
    if (held === undefined) return
    const until = held === null ? null : untilOf(held)
    const isAside = held !== null && (until === null || until > Date.now())
    if (isAside && bull !== null) {
      const taking = bull
      bull = null
      await taking.close()
    } else if (!isAside && bull === null) bull = await start()
  }
  const look = setInterval(() => {
    looking = looking.then(lookAside).catch(() => {})
  }, ASIDE_EVERY_MS)
  return {
    done: () => done,
    async close() {
      clearInterval(look)
      await looking
      await bull?.close()
      await local.close()
      connection.disconnect()
    },
  }
}

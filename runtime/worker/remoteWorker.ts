import { z } from 'zod'
import { jobResult } from '#runtime/queue/jobSchema.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Worker } from './createWorker.ts'

const answers = z.array(z.union([jobResult, z.strictObject({ error: z.string().max(2_000) })]))

/** A worker in another process or on another machine, over HTTP: `POST /v1/jobs` with a list of jobs. */
export function createRemoteWorker({
  url,
  id,
  publicKey,
  operator,
}: {
  url: string
  id: string
  publicKey: string
  operator: string
}): Worker & { operator: string } {
  return {
    id,
    publicKey,
    operator,
    async run(jobs) {
      try {
        const response = await fetch(`${url}/v1/jobs`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(jobs),
        })
        const results = answers.parse(await response.json())
        return results.map(result =>
          'error' in result
            ? new WarrantError('WORKER_FAILED', `worker ${id}: ${result.error}`, { retry: 'safe' })
            : result,
        )
      } catch (cause) {
        throw new WarrantError('WORKER_FAILED', `worker ${id} at ${url}: ${reasonOf(cause)}`, { cause, retry: 'safe' })
      }
    },
    async close() {},
  }
}

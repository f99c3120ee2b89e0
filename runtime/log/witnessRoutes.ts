import type { FastifyInstance } from 'fastify'
import { createBuckets } from '#verifier/service/http/bucket.ts'
import type { Door } from '#verifier/service/http/createHttpServer.ts'
import type { Rate } from '#verifier/service/http/limits.ts'
import { tooMany } from '#verifier/service/http/refusal.ts'
import type { Witness } from './createWitness.ts'

/** A checkpoint, its proof, and lines of other keys. */
const MOST_BYTES = 128 * 1024
const PUBLIC: Partial<Door> = { isPublic: true, mostBytes: MOST_BYTES }

/** Larger trees of one origin, and what one address may ask in vain: without a log's signature, and with one that shows nothing new. */
const GROWTH: Rate = { burst: 120, perSecond: 20 }
const UNSIGNED: Rate = { burst: 100, perSecond: 10 }
const NOTHING_NEW: Rate = { burst: 400, perSecond: 50 }

const nowMs = () => performance.now()

/** How often a log may grow: for createWitness. */
export function growthLimit(): (origin: string) => boolean {
  const growth = createBuckets(GROWTH, nowMs)
  return origin => growth(origin).take(1) === 0
}

/** Submission and monitoring of a witness (C2SP tlog-witness), under one prefix. Bodies are bytes: what is no UTF-8 is malformed. */
export function addWitnessRoutes(app: FastifyInstance, witness: Witness): void {
  const unsigned = createBuckets(UNSIGNED, nowMs)
  const nothingNew = createBuckets(NOTHING_NEW, nowMs)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.post('/add-checkpoint', { bodyLimit: MOST_BYTES, config: { door: PUBLIC } }, async (request, reply) => {
    const bytes = request.body instanceof Uint8Array ? request.body : new Uint8Array(0)
    const { status, body, type } = witness.addCheckpoint(bytes)
    // Whoever asks in vain is held, and not a log beside it: what is signed and new passes.
    const waste = [400, 403, 404].includes(status) ? unsigned : [409, 422].includes(status) ? nothingNew : null
    const waitMs = waste?.(request.ip).take(1) ?? 0
    if (waitMs > 0) throw tooMany('too many requests from this address that no log needs', waitMs)
    if (status === 429) void reply.header('retry-after', '1')
    return reply.status(status).type(type).send(body)
  })
  app.get('/:originHash/checkpoint', { config: { door: PUBLIC } }, async (request, reply) => {
    const { originHash } = request.params as { originHash: string }
    const note = witness.latest(originHash)
    return reply
      .status(note === null ? 404 : 200)
      .type('text/plain; charset=utf-8')
      .header('cache-control', 'no-cache')
      .send(note ?? 'not found\n')
  })
}

import type { FastifyInstance } from 'fastify'
import type { Witness } from './createWitness.ts'

/** Submission and monitoring of a witness (C2SP tlog-witness), under one prefix. Bodies are bytes: what is no UTF-8 is malformed. */
export function addWitnessRoutes(app: FastifyInstance, witness: Witness): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.post('/add-checkpoint', async (request, reply) => {
    const bytes = request.body instanceof Uint8Array ? request.body : new Uint8Array(0)
    const { status, body, type } = witness.addCheckpoint(bytes)
    return reply.status(status).type(type).send(body)
  })
  app.get('/:originHash/checkpoint', async (request, reply) => {
    const { originHash } = request.params as { originHash: string }
    const note = witness.latest(originHash)
    return reply
      .status(note === null ? 404 : 200)
      .type('text/plain; charset=utf-8')
      .header('cache-control', 'no-cache')
      .send(note ?? 'not found\n')
  })
}

import fastify, { type FastifyInstance } from 'fastify'
import { z } from 'zod'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { fromHex, toBase64 } from '#verifier/evidence/bytes.ts'
import { canonicalBytes } from '#verifier/evidence/canonical.ts'
import { domainBytes } from '#verifier/evidence/digest.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Appender, LogPort } from '#verifier/evidence/ports/log.ts'
import { count, ed25519Signature, json, leafHash } from '#verifier/evidence/primitives.ts'

/** A producer elsewhere: its handle on the log, and the key that must sign its appends. */
export type RemoteActor = { appender: Appender; publicKey: string }

const appendBody = z.strictObject({
  actor: z.string(),
  kind: z.string(),
  body: json,
  parents: z.array(leafHash).max(64),
  signature: ed25519Signature,
})

/** What a producer signs to append: domain `append` over the record's parts. */
export function appendMessage(part: {
  actor: string
  kind: string
  body: unknown
  parents: readonly string[]
}): Uint8Array {
  return domainBytes('append', canonicalBytes(part))
}

/** The log for producers and readers on other processes: authenticated append, fresh checkpoints, entries. */
export function serveLog(log: LogPort, actors: readonly RemoteActor[]): FastifyInstance {
  const app = fastify({ bodyLimit: 256 * 1024 })
  app.setErrorHandler((error, _request, reply) => {
    const code = error instanceof WarrantError ? error.code : 'BAD_INPUT'
    const status = code === 'UNAUTHORIZED' ? 403 : code === 'LOG_HALTED' ? 503 : 400
    void reply.status(status).send({ code, message: reasonOf(error) })
  })
  app.post('/v1/append', async request => {
    const { signature, ...part } = appendBody.parse(request.body)
    const actor = actors.find(candidate => candidate.appender.actor === part.actor)
    if (
      actor === undefined ||
      !nodeCrypto.verifyEd25519(fromHex(actor.publicKey), appendMessage(part), fromHex(signature))
    ) {
      throw new WarrantError('UNAUTHORIZED', `the append is not signed by ${part.actor}`)
    }
    const appended = actor.appender.append(part.kind as never, part.body as never, part.parents)
    await appended.durable
    return { index: appended.index, leafHash: appended.leafHash }
  })
  app.get('/v1/checkpoint', async () => ({ note: await log.checkpoint() }))
  app.get('/v1/entries', async request => {
    const { from, to } = z
      .strictObject({ from: z.coerce.number().pipe(count), to: z.coerce.number().pipe(count) })
      .parse(request.query)
    return { entries: (await log.entries(from, Math.min(to, from + 20_000))).map(toBase64) }
  })
  return app
}

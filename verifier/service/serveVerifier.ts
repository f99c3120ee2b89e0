import fastify, { type FastifyInstance } from 'fastify'
import { z } from 'zod'
import { fromBase64, toBase64 } from '#verifier/evidence/bytes.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { count, digest } from '#verifier/evidence/primitives.ts'
import { encodeFacts } from '#verifier/judge/facts.ts'
import type { Verifier } from './createVerifier.ts'

const syncBody = z.strictObject({
  note: z.string().max(10_000).nullable().describe('null: more entries follow before the checkpoint'),
  from: count,
  entries: z.array(z.string().max(90_000)).max(20_000),
  blobs: z.array(z.string().max(24_000_000)).max(64),
})
const verdictBody = z.strictObject({ proposal: digest, refBlock: count.optional() })
const outcomeBody = z.strictObject({ submission: digest })

/** Largest request: a strategy bundle and a model in base64, with room. */
const BODY_BYTES = 64 * 1024 * 1024

/** Entries that wait for their checkpoint at most. */
const MOST_HELD = 4_000_000

/** The verifier over HTTP. Requests are answered one after the other, in the order in which they came. */
export function serveVerifier(verifier: Verifier): FastifyInstance {
  const app = fastify({ bodyLimit: BODY_BYTES })
  let last: Promise<unknown> = Promise.resolve()
  let held: { from: number; entries: Uint8Array[] } | null = null
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work, work)
    last = result.catch(() => {})
    return result
  }
  app.setErrorHandler((error, _request, reply) => {
    const known = error instanceof WarrantError ? error : null
    const status =
      known === null ? ((error as { statusCode?: number }).statusCode ?? 500) : known.code === 'BAD_INPUT' ? 400 : 409
    void reply.status(status).send({ code: known?.code ?? 'BAD_INPUT', message: reasonOf(error) })
  })
  app.get('/v1/status', async () => ({ address: verifier.address, size: verifier.size }))
  app.post('/v1/log', async request => {
    const { note, from, entries, blobs } = parse(syncBody, request.body)
    return inTurn(async () => {
      // A long log comes in parts: nothing of it counts before the checkpoint that covers it.
      if (held !== null && held.from + held.entries.length !== from) held = null
      held ??= { from, entries: [] }
      for (const entry of entries) held.entries.push(fromBase64(entry))
      if (held.entries.length > MOST_HELD) {
        held = null
        throw new WarrantError('BAD_INPUT', `more than ${MOST_HELD} entries before a checkpoint`)
      }
      if (note === null) return { size: verifier.size, held: held.entries.length }
      const whole = held
      held = null
      return verifier.take({ note, ...whole, blobs: blobs.map(fromBase64) })
    })
  })
  app.post('/v1/verdicts', async request => {
    const { proposal, refBlock } = parse(verdictBody, request.body)
    await verifier.prepared(proposal)
    return inTurn(async () => {
      const { verdict, facts } = await verifier.verdict(proposal, refBlock)
      return { verdict, facts: toBase64(encodeFacts(facts)) }
    })
  })
  app.post('/v1/outcomes', async request => {
    const { submission } = parse(outcomeBody, request.body)
    return inTurn(() => verifier.outcome(submission))
  })
  app.get('/v1/alarms', async () => verifier.alarms)
  app.addHook('onClose', () => verifier.close())
  return app
}

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new WarrantError('BAD_INPUT', `request: ${issue?.path.join('.') || '(root)'}: ${issue?.message}`)
}

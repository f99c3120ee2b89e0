import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { fromBase64, toBase64 } from '#verifier/evidence/bytes.ts'
import type { BlockRef } from '#verifier/evidence/ports/chain.ts'
import { count, digest } from '#verifier/evidence/primitives.ts'
import { encodeFacts } from '#verifier/judge/facts.ts'
import type { JudgedVerdict, Verifier } from './createVerifier.ts'
import { createDenials } from './denials.ts'
import { createHeldEntries } from './heldEntries.ts'
import type { HttpClient } from './http/clients.ts'
import { createHttpServer } from './http/createHttpServer.ts'
import { createTurns } from './turns.ts'

/** Largest handover: a model in base64, with room. What asks for a verdict names a proposal, and no more. */
const LOG_BYTES = 32 * 1024 * 1024
const QUESTION_BYTES = 4 * 1024

const syncBody = z.strictObject({
  note: z.string().max(10_000).nullable().describe('null: more entries follow before the checkpoint'),
  sync: z
    .string()
    .regex(/^[0-9a-f]{1,64}$/)
    .optional()
    .describe('names the handover that a part belongs to'),
  from: count,
  entries: z.array(z.string().max(90_000)).max(20_000),
  blobs: z.array(z.string().max(24_000_000)).max(64),
})
const verdictBody = z.strictObject({ proposal: digest, refBlock: count.optional() })
const outcomeBody = z.strictObject({ submission: digest })

export type ServeVerifierParameters = {
  verifier: Verifier
  /** Who may ask; null: whoever reaches it, which MUST be this machine alone. */
  clients: readonly HttpClient[] | null
  /** The chain's head, as the verifier's own node tells it. */
  head(): Promise<BlockRef>
  nowMs(): number
}

/**
 * The verifier over HTTP, for its clients. What it is asked is done one after the other, verdicts before anything else; a
 * denial is given again from memory while neither log nor chain has moved.
 */
export function serveVerifier({ verifier, clients, head, nowMs }: ServeVerifierParameters): FastifyInstance {
  const app = createHttpServer({ clients, statusOf: code => (code === 'BAD_INPUT' ? 400 : 409) })
  const turns = createTurns()
  const held = createHeldEntries(nowMs)
  const denials = createDenials()

  async function judge(proposal: string, refBlock: number | undefined): Promise<JudgedVerdict> {
    const { hash } = await head()
    const at = { size: verifier.size, head: hash, refBlock: refBlock ?? null }
    const known = denials.find(proposal, at)
    if (known !== null) return known
    const given = await verifier.verdict(proposal, refBlock)
    denials.keep(proposal, at, given)
    return given
  }

  app.get('/v1/status', { config: { door: { isPublic: true } } }, async () => ({
    address: verifier.address,
    size: verifier.size,
  }))
  app.get('/v1/alarms', { config: { door: { kind: 'alarms', isPublic: true } } }, async () => verifier.alarms)
  app.post(
    '/v1/log',
    { bodyLimit: LOG_BYTES, config: { door: { kind: 'log', mostBytes: LOG_BYTES } } },
    async request => {
      const { note, sync = '', from, entries, blobs } = syncBody.parse(request.body)
      const client = request.client ?? ''
      // A long log comes in parts: nothing of it counts before the checkpoint that covers it.
      const whole = held.add(client, sync, from, entries.map(fromBase64))
      if (note === null) return { size: verifier.size, held: whole.entries.length }
      held.drop(client, sync)
      const payloads = blobs.map(fromBase64)
      return turns.other(() => verifier.take({ note, from: whole.from, entries: whole.entries, blobs: payloads }))
    },
  )
  const question = (kind: string) => ({
    bodyLimit: QUESTION_BYTES,
    config: { door: { kind, mostBytes: QUESTION_BYTES } },
  })
  app.post('/v1/verdicts', question('verdict'), async request => {
    const { proposal, refBlock } = verdictBody.parse(request.body)
    await verifier.prepared(proposal)
    return turns.verdict(async () => {
      const { verdict, facts } = await judge(proposal, refBlock)
      return { verdict, facts: toBase64(encodeFacts(facts)) }
    })
  })
  app.post('/v1/outcomes', question('outcome'), async request => {
    const { submission } = outcomeBody.parse(request.body)
    return turns.other(() => verifier.outcome(submission))
  })
  app.addHook('onClose', () => verifier.close())
  return app
}

import swagger from '@fastify/swagger'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import { z } from 'zod'
import { encodeBase64 } from '#runtime/crypto/base64.ts'
import { type ErrorCode, WarrantError } from '#verifier/evidence/error.ts'
import type { Clock } from '#verifier/evidence/ports/clock.ts'
import type { BlobRef } from '#verifier/evidence/primitives.ts'
import { count, digest, label, leafHash } from '#verifier/evidence/primitives.ts'
import { proofIn } from '#verifier/evidence/records/proof.ts'
import { modelInput } from '#verifier/evidence/records/request.ts'
import { response } from '#verifier/evidence/records/response.ts'
import { type ModelIdentity, modelIdentity } from '#verifier/evidence/records/run.ts'
import { createHttpServer, type Door } from '#verifier/service/http/createHttpServer.ts'
import { type ApiKey, createApiKeys } from './apiKeys.ts'
import { chatEvents } from './chatStream.ts'
import type { ProofChoice } from './chooseProof.ts'
import type { Gateway, InferResult } from './createGateway.ts'
import { createGatewayMetrics } from './metrics.ts'

export type ServeGatewayParameters = {
  gateway: Gateway
  models: readonly (ModelIdentity & { proof: ProofChoice })[]
  apiKeys: readonly ApiKey[]
  clock: Clock
  /** An inclusion proof of an entry against a fresh signed checkpoint. */
  prove(index: number): Promise<string>
  blob(ref: BlobRef): Promise<Uint8Array>
  /** The file of a model. @throws WORKER_FAILED when it has none */
  modelFile(model: ModelIdentity): Promise<Uint8Array>
  logger: FastifyBaseLogger
}

const inferBody = z.strictObject({
  model: label,
  input: modelInput,
  tick: count.default(0),
  idempotencyKey: z.string().min(1).max(200).optional(),
})
const choice = z.strictObject({ kind: z.string(), why: z.string() })
const cost = z
  .strictObject({
    workers: count,
    workerMs: z.number(),
    proofBytes: count,
    checkMicros: z.number().nullable().describe("the gateway's own check; null: left to the verifier"),
  })
  .nullable()
const inferAnswer = z.strictObject({
  id: leafHash,
  result: response.shape.result,
  proof: choice.extend({ cost: cost.describe('what this answer and its proof cost') }),
})
const listedModel = modelIdentity.extend({ proof: choice })
const proofAnswer = z.strictObject({
  id: leafHash,
  result: response.shape.result,
  trace: z.string().nullable().describe('base64 of what the receipt’s traceDigest names'),
  inclusion: z.string().describe('C2SP tlog-proof of the logged answer'),
})
const chatBody = z.looseObject({ model: label, messages: z.array(z.unknown()).min(1), stream: z.boolean().optional() })
const problem = z.strictObject({ code: z.string(), message: z.string() })
const aside = z.strictObject({
  worker: label,
  untilMs: z.number().nullable().describe('null: until `warrant gateway --readmit`'),
  why: z.string(),
})
const health = z.strictObject({
  ok: z.boolean().describe('false: a worker is set aside; the others go on'),
  requests: count,
  setAside: z.array(aside),
})
const byId = z.strictObject({ id: digest })

const STATUS: Partial<Record<ErrorCode, number>> = {
  UNAUTHORIZED: 401,
  RATE_LIMITED: 429,
  BAD_INPUT: 400,
  EVIDENCE_MISSING: 404,
  LOG_HALTED: 503,
}

/** Answers kept by id and by idempotency key. */
const KEPT = 10_000

/** What one agent may ask for beside what its key says: as fast as workers answer. */
const AGENT_RATE = { burst: 10_000, perSecond: 2_000 }
const ASK: Partial<Door> = { kind: 'ask', atOnce: 64, waiting: 512 }
const FILES: Partial<Door> = { kind: 'files', atOnce: 4 }
const PUBLIC: Partial<Door> = { isPublic: true }
const PROOFS: Partial<Door> = { isPublic: true, kind: 'proofs', atOnce: 4 }

/**
 * The gateway over HTTP: `POST /v1/infer`, `POST /v1/chat/completions` (OpenAI-compatible, streaming and tools), `GET
 * /v1/models`, `/v1/models/:digest/file`, `/v1/receipts/:id`, `/v1/proofs/:id`, `/health`, `/metrics` (Prometheus), `/openapi.json`.
 */
export async function serveGateway(parameters: ServeGatewayParameters): Promise<FastifyInstance> {
  const { gateway, models, clock, logger } = parameters
  const metrics = createGatewayMetrics(() => gateway.caught.length)
  const app = createHttpServer({
    clients: parameters.apiKeys.map(({ agent, sha256 }) => ({ name: agent, sha256 })),
    clientRate: AGENT_RATE,
    statusOf: code => STATUS[code] ?? 502,
    logger,
    onRefused: metrics.refused,
  }).withTypeProvider<ZodTypeProvider>()
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  await app.register(swagger, {
    openapi: { info: { title: 'Warrant gateway', version: '1' } },
    transform: jsonSchemaTransform,
  })
  const agentOf = ({ client }: { client: string | null }): string => {
    if (client === null) throw new WarrantError('UNAUTHORIZED', 'no API key of a listed agent')
    return client
  }
  const keys = createApiKeys(parameters.apiKeys, clock)
  const answers = new Map<string, InferResult>()
  const byKey = new Map<string, { asked: string; answer: Promise<InferResult> }>()

  function keep<K, V>(map: Map<K, V>, key: K, value: V): void {
    map.set(key, value)
    if (map.size > KEPT) map.delete(map.keys().next().value as K)
  }
  const modelOf = (name: string) => {
    const model = models.find(candidate => candidate.name === name)
    if (model === undefined)
      throw new WarrantError('BAD_INPUT', `no model ${name}: here are ${models.map(m => m.name).join(', ')}`)
    return model
  }

  async function ask(
    { agent, tick, model, input }: { agent: string; tick: number; model: string; input: z.infer<typeof modelInput> },
    log: FastifyBaseLogger,
  ): Promise<InferResult> {
    const { proof } = modelOf(model)
    keys.spend(agent)
    const since = performance.now()
    const answer = await gateway.infer({ agent, tick, observation: null, model, input })
    const { status } = answer.result
    if (answer.cost?.checkMicros != null) metrics.checked(proof.kind, answer.cost.checkMicros / 1e6)
    metrics.answered({ agent, model, status, proof: proof.kind }, (performance.now() - since) / 1_000)
    keep(answers, answer.response, answer)
    log.info({ agent, model, id: answer.response, status, proof: proof.kind }, 'answered')
    return answer
  }

  app.get('/health', { config: { door: PUBLIC }, schema: { response: { 200: health } } }, async () => ({
    ok: gateway.aside.length === 0,
    requests: gateway.requests,
    setAside: [...gateway.aside],
  }))
  app.get('/metrics', { config: { door: PUBLIC }, schema: { hide: true } }, async (_request, reply) => {
    const { type, text } = await metrics.expose()
    return reply.type(type).send(text)
  })
  app.get(
    '/v1/models',
    { config: { door: PUBLIC }, schema: { response: { 200: z.strictObject({ models: z.array(listedModel) }) } } },
    async () => ({ models: [...models] }),
  )
  // For workers elsewhere, which check what they get against the digest that they asked for.
  app.get('/v1/models/:id/file', { config: { door: FILES }, schema: { params: byId } }, async (request, reply) => {
    const model = models.find(({ digest, file }) => digest === request.params.id && file !== null)
    if (model === undefined) throw new WarrantError('EVIDENCE_MISSING', `no file of model ${request.params.id} is here`)
    return reply.type('application/octet-stream').send(Buffer.from(await parameters.modelFile(model)))
  })
  app.post(
    '/v1/infer',
    {
      config: { door: ASK },
      schema: {
        body: inferBody,
        response: { 200: inferAnswer, 400: problem, 401: problem, 429: problem, 502: problem, 503: problem },
      },
    },
    async request => {
      const agent = agentOf(request)
      const { idempotencyKey, ...wanted } = request.body
      const { proof } = modelOf(wanted.model)
      const work = () => ask({ agent, ...wanted }, request.log)
      const answered = ({ response: id, result, cost }: InferResult) => ({ id, result, proof: { ...proof, cost } })
      if (idempotencyKey === undefined) return answered(await work())
      const key = `${agent} ${idempotencyKey}`
      const asked = JSON.stringify(wanted)
      const before = byKey.get(key)
      if (before !== undefined && before.asked !== asked)
        throw new WarrantError('BAD_INPUT', `idempotency key ${idempotencyKey} was used for another request`)
      const answer = before?.answer ?? work()
      if (before === undefined) {
        keep(byKey, key, { asked, answer })
        // What was refused, and a request that failed on record, may be asked again: that is no second try at an answer.
        const forget = () => byKey.delete(key)
        answer.then(({ result }) => result.status === 'ok' || forget(), forget)
      }
      return answered(await answer)
    },
  )
  app.post('/v1/chat/completions', { config: { door: ASK }, schema: { body: chatBody } }, async (request, reply) => {
    const agent = agentOf(request)
    const { stream = false, ...rest } = request.body
    const { proof } = modelOf(rest.model)
    const input = { type: 'chat' as const, body: JSON.stringify(rest) }
    const fits = modelInput.safeParse(input)
    if (!fits.success) throw new WarrantError('BAD_INPUT', `the chat request: ${fits.error.issues[0]?.message}`)
    const { response: id, result, cost } = await ask({ agent, tick: 0, model: rest.model, input }, request.log)
    if (result.status !== 'ok')
      throw new WarrantError(result.status === 'timedOut' ? 'TIMED_OUT' : 'WORKER_FAILED', result.reason)
    if (result.output.type !== 'chat') throw new WarrantError('BAD_INPUT', `model ${rest.model} is no chat model`)
    const body = JSON.parse(result.output.body) as object
    // The signed text itself goes along: the receipt is over these bytes, not over what a client makes of them.
    const warrant = { id, receipt: result.receipt, proof: { ...proof, cost }, answer: result.output.body }
    if (!stream) return { ...body, warrant }
    return reply.type('text/event-stream').header('cache-control', 'no-cache').send(chatEvents(body, warrant).join(''))
  })

  const kept = (id: string): InferResult => {
    const answer = answers.get(id)
    if (answer === undefined) throw new WarrantError('EVIDENCE_MISSING', `no answer ${id} is kept: look in the log`)
    return answer
  }
  app.get(
    '/v1/receipts/:id',
    { config: { door: PUBLIC }, schema: { params: byId, response: { 200: response.shape.result, 404: problem } } },
    async request => kept(request.params.id).result,
  )
  app.get(
    '/v1/proofs/:id',
    { config: { door: PROOFS }, schema: { params: byId, response: { 200: proofAnswer, 404: problem } } },
    async request => {
      const { response: id, index, result } = kept(request.params.id)
      return { id, result, trace: await traceOf(result), inclusion: await parameters.prove(index) }
    },
  )
  async function traceOf(result: InferResult['result']): Promise<string | null> {
    const proof = result.status === 'ok' ? proofIn(result.proof, 'freivalds') : null
    if (proof === null) return null
    const { trace } = proof
    return 'inline' in trace ? trace.inline : encodeBase64(await parameters.blob(trace))
  }
  app.get('/openapi.json', { config: { door: PUBLIC }, schema: { hide: true } }, async () => app.swagger())
  return app as unknown as FastifyInstance
}

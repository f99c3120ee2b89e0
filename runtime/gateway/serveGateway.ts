import { createHash } from 'node:crypto'
import swagger from '@fastify/swagger'
import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import { z } from 'zod'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { count, digest, label, leafHash } from '#verifier/evidence/primitives.ts'
import { modelInput } from '#verifier/evidence/records/request.ts'
import { type Response, response } from '#verifier/evidence/records/response.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import { modelIdentity } from '#verifier/evidence/records/run.ts'
import type { Gateway } from './createGateway.ts'

export type ServeGatewayParameters = {
  gateway: Gateway
  models: readonly ModelIdentity[]
  apiKeys: readonly { agent: string; sha256: string }[]
  logger: FastifyBaseLogger
}

const inferBody = z.strictObject({
  model: label,
  input: modelInput,
  tick: count.default(0),
  idempotencyKey: z.string().min(1).max(200).optional(),
})
const inferAnswer = z.strictObject({ id: leafHash, result: response.shape.result })
const problem = z.strictObject({ code: z.string(), message: z.string() })

/** Answers kept by id and by idempotency key. */
const KEPT = 10_000

/** The gateway over HTTP: `POST /v1/infer`, `GET /v1/models`, `GET /v1/receipts/:id`, `/health`, `/openapi.json`. */
export async function serveGateway({
  gateway,
  models,
  apiKeys,
  logger,
}: ServeGatewayParameters): Promise<FastifyInstance> {
  const app = fastify({ bodyLimit: 256 * 1024, loggerInstance: logger }).withTypeProvider<ZodTypeProvider>()
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  await app.register(swagger, {
    openapi: { info: { title: 'Warrant gateway', version: '1' } },
    transform: jsonSchemaTransform,
  })
  const answers = new Map<string, Response['result']>()
  const byKey = new Map<string, Promise<z.infer<typeof inferAnswer>>>()

  app.setErrorHandler((error, _request, reply) => {
    const known = error instanceof WarrantError ? error.code : null
    const invalid = (error as { statusCode?: number }).statusCode ?? 500
    const status =
      known === 'UNAUTHORIZED'
        ? 401
        : known === 'BAD_INPUT'
          ? 400
          : known === 'EVIDENCE_MISSING'
            ? 404
            : known === 'LOG_HALTED'
              ? 503
              : known === null
                ? invalid
                : 502
    void reply
      .status(status)
      .send({ code: known ?? (status < 500 ? 'BAD_INPUT' : 'WORKER_FAILED'), message: reasonOf(error) })
  })

  function agentOf(authorization: string | undefined): string {
    const key = /^Bearer (.+)$/.exec(authorization ?? '')?.[1] ?? ''
    const sha256 = createHash('sha256').update(key).digest('hex')
    const known = apiKeys.find(candidate => candidate.sha256 === sha256)
    if (known === undefined)
      throw new WarrantError('UNAUTHORIZED', 'no API key of a listed agent: send Authorization: Bearer KEY')
    return known.agent
  }

  function keep<K, V>(map: Map<K, V>, key: K, value: V): void {
    map.set(key, value)
    if (map.size > KEPT) map.delete(map.keys().next().value as K)
  }

  app.get(
    '/health',
    { schema: { response: { 200: z.strictObject({ ok: z.boolean(), requests: count }) } } },
    async () => ({ ok: true, requests: gateway.requests }),
  )
  app.get(
    '/v1/models',
    { schema: { response: { 200: z.strictObject({ models: z.array(modelIdentity) }) } } },
    async () => ({ models: [...models] }),
  )
  app.post(
    '/v1/infer',
    {
      schema: {
        body: inferBody,
        response: { 200: inferAnswer, 400: problem, 401: problem, 502: problem, 503: problem },
      },
    },
    async request => {
      const agent = agentOf(request.headers.authorization)
      const { model, input, tick, idempotencyKey } = request.body
      const work = async () => {
        const { response: id, result } = await gateway.infer({ agent, tick, observation: null, model, input })
        keep(answers, id, result)
        request.log.info({ agent, model, id, status: result.status }, 'answered')
        return { id, result }
      }
      if (idempotencyKey === undefined) return work()
      const key = `${agent} ${idempotencyKey}`
      const running = byKey.get(key) ?? work()
      keep(byKey, key, running)
      return running
    },
  )
  app.get(
    '/v1/receipts/:id',
    { schema: { params: z.strictObject({ id: digest }), response: { 200: response.shape.result, 404: problem } } },
    async request => {
      const result = answers.get(request.params.id)
      if (result === undefined)
        throw new WarrantError('EVIDENCE_MISSING', `no answer ${request.params.id} is kept: look in the log`)
      return result
    },
  )
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
  return app as unknown as FastifyInstance
}

import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { z } from 'zod'
import { type ErrorCode, reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { boundedBody } from './boundedBody.ts'
import { type Bucket, createBuckets } from './bucket.ts'
import { clientOf, type HttpClient, isLoopback } from './clients.ts'
import { holdConnections } from './holdConnections.ts'
import { HTTP_LIMITS, type Rate } from './limits.ts'
import { Refusal, tooLarge, tooMany, unauthorized } from './refusal.ts'
import { createSlots } from './slots.ts'

/** What a route is to its callers. */
export type Door = {
  /** Requests of a kind wait for each other, client by client. Null: as many as come. */
  kind: string | null
  /** How many of them are in progress at once, and how many may wait. */
  atOnce: number
  waiting: number
  /** Largest body, in bytes. */
  mostBytes: number
  /** Answered without a token as well. */
  isPublic: boolean
}

declare module 'fastify' {
  interface FastifyContextConfig {
    door?: Partial<Door>
  }
  interface FastifyRequest {
    /** The client's name; null for whoever shows no token. */
    client: string | null
  }
}

export type HttpServerParameters = {
  /** Who may ask; null where everybody may that reaches it, which is for loopback alone. */
  clients: readonly HttpClient[] | null
  /** HTTP status of an error of ours. */
  statusOf(code: ErrorCode): number
  logger?: FastifyBaseLogger
  /** What one client may ask for, where that is not the usual. */
  clientRate?: Rate
  /** The same of an address without a token, on routes that are public. */
  strangerRate?: Rate
  /** Told of every error that is answered. */
  onRefused?(code: ErrorCode): void
}

const CLOSED: Door = {
  kind: null,
  atOnce: 1,
  waiting: HTTP_LIMITS.waiting,
  mostBytes: HTTP_LIMITS.smallBody,
  isPublic: false,
}

/** Who asks: the name that turns go by, the one that rates go by, and which rates. */
type Caller = { name: string; rated: string; held: { requests(name: string): Bucket; bytes(name: string): Bucket } }

/** A request from its headers to its answer. */
type Visit = {
  door: Door
  caller: Caller
  gone: AbortController
  isWorking: boolean
  isOver: boolean
  release: (() => void) | null
}

/**
 * A server of ours over HTTP. Who asks is known, and held to its rate, before a byte of a body is read: strangers cost a
 * header. A route says what it is by `config: { door }`; without one it is for clients alone. Errors are `{ code, message }`.
 */
export function createHttpServer(parameters: HttpServerParameters): FastifyInstance {
  const { clients, statusOf, logger, onRefused } = parameters
  const { clientRate = HTTP_LIMITS.client.requests, strangerRate = HTTP_LIMITS.stranger.requests } = parameters
  const nowMs = () => performance.now()
  const { client, stranger, smallBody } = HTTP_LIMITS
  const buckets = {
    client: { requests: createBuckets(clientRate, nowMs), bytes: createBuckets(client.bytes, nowMs) },
    stranger: { requests: createBuckets(strangerRate, nowMs), bytes: createBuckets(stranger.bytes, nowMs) },
  }
  const slots = createSlots()
  const visits = new WeakMap<IncomingMessage, Visit>()
  const app = fastify({
    bodyLimit: 64 * 1024 * 1024,
    requestTimeout: HTTP_LIMITS.requestMs,
    connectionTimeout: HTTP_LIMITS.requestMs,
    keepAliveTimeout: HTTP_LIMITS.keepAliveMs,
    forceCloseConnections: 'idle',
    http: {
      headersTimeout: HTTP_LIMITS.headersMs,
      maxHeaderSize: HTTP_LIMITS.headerBytes,
      connectionsCheckingInterval: 1_000,
    },
    // Strangers do not write its log: a route says itself what it answered.
    ...(logger === undefined ? {} : { loggerInstance: logger, disableRequestLogging: true }),
    clientErrorHandler: (error, socket) => sayMalformed(error, socket),
  }) as unknown as FastifyInstance
  const connections = holdConnections(app.server)
  app.decorateRequest('client', null)

  const doorOf = (request: FastifyRequest): Door =>
    request.is404 ? { ...CLOSED, isPublic: true } : { ...CLOSED, ...request.routeOptions.config.door }

  /** Who asks, by what it shows. @throws Refusal */
  function meet(request: FastifyRequest, door: Door): Caller {
    const known = clients === null ? null : clientOf(clients, request.headers.authorization)
    if (known !== null) {
      connections.know(request.socket)
      request.client = known.name
      return { name: `client ${known.name}`, rated: known.name, held: buckets.client }
    }
    if (clients !== null && !door.isPublic) throw unauthorized()
    const address = request.socket.remoteAddress ?? ''
    const rated = isLoopback(address) ? `${address} ${request.socket.remotePort}` : address
    // Where nobody needs a token, all of an address are one client.
    return clients === null
      ? { name: `address ${address}`, rated, held: buckets.client }
      : { name: `stranger ${rated}`, rated, held: buckets.stranger }
  }

  async function waitForTurn(visit: Visit): Promise<void> {
    const { kind, atOnce, waiting } = visit.door
    if (kind === null || visit.release !== null) return
    const release = await slots.take(`${kind} of ${visit.caller.name}`, { atOnce, waiting, signal: visit.gone.signal })
    if (release === null)
      throw tooMany(`${waiting} requests of this kind wait already: ${atOnce} at once are answered`, 1_000)
    visit.release = release
    if (visit.isOver) release()
  }

  /** Nobody waits for it any more. What is being worked on still counts. */
  function end(visit: Visit | undefined): void {
    if (visit === undefined) return
    visit.isOver = true
    visit.gone.abort()
    if (!visit.isWorking) visit.release?.()
  }

  app.addHook('onRequest', async (request, reply) => {
    const door = doorOf(request)
    const caller = meet(request, door)
    const { held, rated } = caller
    const waitMs = held.requests(rated).take(1)
    if (waitMs > 0) throw tooMany('too many requests', waitMs)
    const { announced, isChunked } = bodyOf(request)
    const bytes = isChunked ? door.mostBytes : announced
    if (bytes > door.mostBytes) throw tooLarge(door.mostBytes)
    const bytesWaitMs = held.bytes(rated).take(announced)
    if (bytesWaitMs > 0) throw tooMany('too many bytes', bytesWaitMs)
    const visit: Visit = { door, caller, gone: new AbortController(), isWorking: false, isOver: false, release: null }
    visits.set(request.raw, visit)
    reply.raw.once('close', () => end(visit))
    if (bytes > smallBody) await waitForTurn(visit)
  })
  app.addHook('preParsing', async (request, _reply, payload) => {
    const visit = visits.get(request.raw)
    const { announced, isChunked } = bodyOf(request)
    if (visit === undefined || (announced === 0 && !isChunked)) return payload
    const { door, caller } = visit
    return boundedBody(payload, door.mostBytes, isChunked ? caller.held.bytes(caller.rated) : null)
  })
  app.addHook('preHandler', async request => {
    const visit = visits.get(request.raw)
    if (visit !== undefined) await waitForTurn(visit)
  })
  app.addHook('onResponse', async request => end(visits.get(request.raw)))
  app.addHook('onRoute', route => {
    const { handler } = route
    route.handler = async function (request, reply) {
      const visit = visits.get(request.raw)
      if (visit !== undefined) visit.isWorking = true
      try {
        return await handler.call(this, request, reply)
      } finally {
        if (visit !== undefined) {
          visit.isWorking = false
          if (visit.isOver) visit.release?.()
        }
      }
    }
  })

  app.setErrorHandler((error, request, reply) => {
    const known = error instanceof WarrantError ? error : null
    const isMalformed = error instanceof z.ZodError
    const given = isMalformed ? 400 : ((error as { statusCode?: number }).statusCode ?? 500)
    const status = error instanceof Refusal ? error.status : known === null ? given : statusOf(known.code)
    const code = known?.code ?? (status < 500 ? 'BAD_INPUT' : 'REFUSED')
    onRefused?.(code)
    if (status === 401) void reply.header('www-authenticate', 'Bearer')
    const retryAfterMs = error instanceof Refusal ? error.retryAfterMs : status === 429 ? 60_000 : null
    if (retryAfterMs !== null) void reply.header('retry-after', String(Math.ceil(retryAfterMs / 1_000)))
    leaveUnread(request, reply, status)
    void reply.status(status).send({ code, message: isMalformed ? issueOf(error) : reasonOf(error) })
  })
  app.setNotFoundHandler((request, reply) => {
    leaveUnread(request, reply, 404)
    void reply.status(404).send({ code: 'BAD_INPUT', message: `there is no ${request.method} ${pathOf(request)} here` })
  })
  return app
}

/** What a body is not read of that was refused ends with its connection, when it is large, late, or a stranger's. */
function leaveUnread(request: FastifyRequest, reply: FastifyReply, status: number): void {
  const { announced, isChunked } = bodyOf(request)
  const isSmall = !isChunked && announced <= HTTP_LIMITS.smallBody
  if (status === 408 || status === 413 || (request.client === null && !isSmall))
    void reply.header('connection', 'close')
}

/** How many bytes a request announces, and whether it announces none of those that come. */
function bodyOf({ headers }: FastifyRequest): { announced: number; isChunked: boolean } {
  const { 'content-length': length, 'transfer-encoding': encoding } = headers
  return { announced: Number(length ?? 0), isChunked: encoding !== undefined }
}

function issueOf({ issues: [issue] }: z.ZodError): string {
  return `request: ${issue?.path.join('.') || '(root)'}: ${issue?.message}`
}

const pathOf = ({ url }: FastifyRequest) => (url.split('?')[0] ?? '').slice(0, 200)

/** What is no HTTP, or too slow to be any, in the form of all errors. */
function sayMalformed(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const [status, said, code] =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? ['408 Request Timeout', 'the request did not come in time', 'TIMED_OUT']
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? ['431 Request Header Fields Too Large', 'the headers are too long', 'BAD_INPUT']
        : ['400 Bad Request', 'this is no HTTP request', 'BAD_INPUT']
  const body = JSON.stringify({ code, message: said })
  if (!socket.writable) return void socket.destroy()
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { afterEach, expect, test } from 'vitest'
import { createBucket } from '#verifier/service/http/bucket.ts'
import { httpClients, requireClients } from '#verifier/service/http/clients.ts'
import { createHttpServer, type HttpServerParameters } from '#verifier/service/http/createHttpServer.ts'
import { HTTP_LIMITS } from '#verifier/service/http/limits.ts'

const sha256 = (token: string) => createHash('sha256').update(token).digest('hex')
const CLIENTS = ['a', 'b'].map(name => ({ name, sha256: sha256(`token-of-${name}`) }))
const as = (name: string) => ({ authorization: `Bearer token-of-${name}` })

const open: FastifyInstance[] = []
const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const app of open.splice(0)) {
    app.server.closeAllConnections()
    await app.close()
  }
})

/** A server with one route of each sort; `work` is what its slow one waits for. */
async function serve(parameters: Partial<HttpServerParameters> = {}) {
  const seen = { bodies: 0, working: 0, most: 0 }
  let finish = () => {}
  const work = new Promise<void>(resolve => {
    finish = resolve
  })
  const app = createHttpServer({ clients: CLIENTS, statusOf: () => 409, ...parameters })
  open.push(app)
  app.get('/open', { config: { door: { isPublic: true } } }, async () => ({ open: true }))
  app.post('/small', { config: { door: { kind: 'small', mostBytes: 10_000 } } }, async ({ client, body }) => {
    seen.bodies++
    return { client, keys: Object.keys(body as object).length }
  })
  const large = 32 * 1024 * 1024
  app.post('/large', { bodyLimit: large, config: { door: { kind: 'large', mostBytes: large } } }, async () => {
    seen.bodies++
    return {}
  })
  app.post('/slow', { config: { door: { kind: 'slow' } } }, async () => {
    seen.most = Math.max(seen.most, ++seen.working)
    await work
    seen.working--
    return {}
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const post = async (path: string, headers: Record<string, string>, body: string | Uint8Array = '{}') => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    })
    const { status, headers: answered } = response
    return { status, headers: answered, body: (await response.json()) as Record<string, unknown> }
  }
  return { port, seen, finish, post }
}

/** A connection that sends what it is given; `answer` is all that comes until it ends. */
function raw(port: number) {
  const socket = connect(port, '127.0.0.1')
  sockets.push(socket)
  let text = ''
  socket.on('data', part => {
    text += part
  })
  socket.on('error', () => {})
  const answer = once(socket, 'close').then(() => text)
  return { socket, answer, soFar: () => text }
}
const head = (path: string, token: string | null, more: string) =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${token === null ? '' : `authorization: Bearer ${token}\r\n`}${more}\r\n\r\n`

test('whoever shows no listed token is answered before a byte of its body is read', async () => {
  const { port, seen, post } = await serve()
  for (const token of [null, 'token-of-nobody', 'Bearer']) {
    const { socket, answer } = raw(port)
    socket.write(head('/large', token, 'content-length: 30000000'))
    expect(await answer).toMatch(/^HTTP\/1\.1 401 [\s\S]*www-authenticate: Bearer[\s\S]*"code":"UNAUTHORIZED"/i)
  }
  const { status, body } = await post('/small', { authorization: 'Basic dG9rZW4=' })
  expect([status, body.code]).toEqual([401, 'UNAUTHORIZED'])
  expect(seen.bodies).toBe(0)
  expect((await post('/small', as('b'), '{"x":1}')).body).toEqual({ client: 'b', keys: 1 })
  const { status: nowhere } = await post('/nowhere', {})
  expect(nowhere).toBe(404)
  expect(await (await fetch(`http://127.0.0.1:${port}/open`)).json()).toEqual({ open: true })
})

test('a body that trickles is cut, and the client’s next request is answered', async () => {
  const { port, seen, post } = await serve()
  const { socket, answer } = raw(port)
  socket.write(head('/large', 'token-of-a', 'content-length: 20000000'))
  const drip = setInterval(() => socket.write(' '), 100)
  const chunked = raw(port)
  chunked.socket.write(head('/small', 'token-of-a', 'transfer-encoding: chunked'))
  const drop = setInterval(() => chunked.socket.write('1\r\n \r\n'), 100)
  try {
    expect(await answer).toMatch(/^HTTP\/1\.1 408 [\s\S]*"code":"TIMED_OUT"/)
    expect(await chunked.answer).toMatch(/^HTTP\/1\.1 408 /)
  } finally {
    clearInterval(drip)
    clearInterval(drop)
  }
  expect(seen.bodies).toBe(0)
  expect((await post('/large', as('a'))).status).toBe(200)
})

test('headers that never end are cut', async () => {
  const { port } = await serve()
  const { socket, answer } = raw(port)
  socket.write('POST /small HTTP/1.1\r\nhost: x\r\n')
  expect(await answer).toMatch(/^HTTP\/1\.1 408 [\s\S]*"code":"TIMED_OUT"/)
})

test('a body beyond its route’s size is refused: announced, and found out', async () => {
  const { port, post, seen } = await serve()
  const announced = raw(port)
  announced.socket.write(head('/small', 'token-of-a', 'content-length: 10001'))
  expect(await announced.answer).toMatch(/^HTTP\/1\.1 413 [\s\S]*"code":"BAD_INPUT"/)
  const chunked = raw(port)
  chunked.socket.write(head('/small', 'token-of-a', 'transfer-encoding: chunked'))
  chunked.socket.write(`4000\r\n${'x'.repeat(0x4000)}\r\n`)
  expect(await chunked.answer).toMatch(/^HTTP\/1\.1 413 /)
  const malformed = await post('/small', as('a'), '{')
  expect([malformed.status, malformed.body.code]).toEqual([400, 'BAD_INPUT'])
  const garbage = raw(port)
  garbage.socket.write('what is this\r\n\r\n')
  expect(await garbage.answer).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"BAD_INPUT"/)
  expect(seen.bodies).toBe(0)
})

test('a client that asks too often is told when to come back; another one is answered', async () => {
  const { post } = await serve({ clientRate: { burst: 5, perSecond: 0.01 } })
  const answers = []
  for (let i = 0; i < 7; i++) answers.push(await post('/small', as('a')))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429, 429])
  const last = answers.at(-1)
  expect(last?.body).toMatchObject({ code: 'RATE_LIMITED' })
  expect(Number(last?.headers.get('retry-after'))).toBeGreaterThan(0)
  expect((await post('/small', as('b'))).status).toBe(200)
})

test('one request of a kind is in progress, a few wait, the rest is refused; who gave up waits no more', async () => {
  const { port, post, seen, finish } = await serve()
  const gone = raw(port)
  const asked = Array.from({ length: 20 }, () => post('/slow', as('a')))
  const refused: number[] = []
  for (const one of asked) one.then(({ status }) => status === 429 && refused.push(status))
  await expect.poll(() => refused.length, { timeout: 60_000 }).toBe(19 - HTTP_LIMITS.waiting)
  gone.socket.destroy()
  // Another client, and another kind of the same one, are answered meanwhile.
  expect((await post('/small', as('a'))).status).toBe(200)
  const other = post('/slow', as('b'))
  await expect.poll(() => seen.working, { timeout: 60_000 }).toBe(2)
  finish()
  const statuses = (await Promise.all(asked)).map(({ status }) => status)
  expect(statuses.filter(status => status === 200)).toHaveLength(1 + HTTP_LIMITS.waiting)
  expect((await other).status).toBe(200)
  expect(seen.most).toBe(2)
})

test('work goes on holding its turn when its caller has gone', async () => {
  const { port, post, seen, finish } = await serve()
  const { socket } = raw(port)
  socket.write(`${head('/slow', 'token-of-a', 'content-length: 2')}{}`)
  await expect.poll(() => seen.working, { timeout: 60_000 }).toBe(1)
  socket.destroy()
  await sleep(50)
  const next = post('/slow', as('a'))
  await sleep(50)
  expect(seen.working).toBe(1)
  finish()
  expect((await next).status).toBe(200)
  expect(seen.most).toBe(1)
})

test('connections that show no token make room for those that do', async () => {
  const { port, post } = await serve()
  const client = raw(port)
  const ask = () => client.socket.write(`${head('/small', 'token-of-a', 'content-length: 2')}{}`)
  ask()
  await expect.poll(client.soFar, { timeout: 60_000 }).toMatch(/200 OK/)
  const idle = Array.from({ length: HTTP_LIMITS.connections + 50 }, () => raw(port))
  await Promise.all(idle.map(({ socket }) => (socket.connecting ? once(socket, 'connect') : null)))
  expect((await post('/small', as('b'))).status).toBe(200)
  ask()
  await expect.poll(() => client.soFar().split('200 OK').length, { timeout: 60_000 }).toBe(3)
})

test('beyond loopback a token is demanded; names and tokens stand once', () => {
  for (const host of ['127.0.0.1', '127.8.0.1', '::1', 'localhost', '::ffff:127.0.0.1'])
    expect(() => requireClients(host, null, 'clients')).not.toThrow()
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'verifier.example', '128.0.0.1'])
    expect(() => requireClients(host, null, 'clients')).toThrow(/every client needs a token/)
  expect(() => requireClients('0.0.0.0', CLIENTS, 'clients')).not.toThrow()
  expect(httpClients.safeParse(CLIENTS).success).toBe(true)
  const [a, b] = CLIENTS as [(typeof CLIENTS)[0], (typeof CLIENTS)[0]]
  for (const bad of [[], [a, { ...b, name: 'a' }], [a, { ...b, sha256: a.sha256 }], [{ ...a, sha256: 'token' }]])
    expect(httpClients.safeParse(bad).success).toBe(false)
})

test('a bucket gives so much at once, and so much more each second', () => {
  const clock = { ms: 0 }
  const bucket = createBucket({ burst: 10, perSecond: 2 }, () => clock.ms)
  expect([bucket.take(10), bucket.take(1)]).toEqual([0, 500])
  clock.ms = 500
  expect([bucket.take(1), bucket.take(1)]).toEqual([0, 500])
  clock.ms = 60_000
  expect([bucket.take(10), bucket.take(10)]).toEqual([0, 5_000])
})

import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeBase64 } from '#runtime/crypto/base64.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { type Service, spawnWarrant } from '#runtime/run/spawnWarrant.ts'
import { payloadDigest } from '#verifier/evidence/payloadDigest.ts'
import { float32Tensor } from '#verifier/evidence/tensor.ts'
import { readIntGraph } from '#verifier/model/intGraph.ts'
import { runGraph } from '#verifier/model/runGraph.ts'
import { goVerifyRules, hasGo } from '../conformance/goVerifier.ts'
import { commandHere } from '../support/commandHere.ts'
import { warrant } from '../support/warrant.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const dir = mkdtempSync(join(tmpdir(), 'warrant-gateway-'))
const hash = (key: string) => createHash('sha256').update(key).digest('hex')
const input = (i: number) => ({
  type: 'tensor',
  tensor: float32Tensor(
    Array.from({ length: 12 }, (_, j) => Math.sin(i + j)),
    [1, 12],
  ),
})
let upstream: Server
let gateway: ChildProcess
let url = ''
let vkey = ''
let witness: Service
const ORIGIN = 'test.example/gateway'
const asked: { authorization: string | undefined; body: Record<string, unknown> }[] = []

beforeAll(async () => {
  upstream = createServer((request, response) => {
    let text = ''
    request.on('data', chunk => {
      text += chunk
    })
    request.on('end', () => {
      const body = JSON.parse(text)
      asked.push({ authorization: request.headers.authorization, body })
      if (body.messages[0].content === 'fail') {
        response.statusCode = 500
        return response.end('{}')
      }
      const calls =
        body.tools === undefined
          ? {}
          : { tool_calls: [{ id: 'c1', type: 'function', function: { name: 'hold', arguments: '{"reason":"no"}' } }] }
      response.setHeader('content-type', 'application/json')
      response.end(
        JSON.stringify({
          id: 'up-1',
          object: 'chat.completion',
          created: 1,
          model: body.model,
          choices: [
            { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Good day.', ...calls } },
          ],
          usage: { total_tokens: 7 },
        }),
      )
    })
  })
  await new Promise<void>(done => upstream.listen(0, '127.0.0.1', () => done()))
  mkdirSync(join(dir, 'models'))
  copyFileSync(join(ROOT, 'strategies/trend-follower/model.onnx'), join(dir, 'models/trend.onnx'))
  // The log's key is made first, so that a witness can know the log that it is to watch.
  const made = warrant(['keys', 'new', 'log', '--name', ORIGIN, '--out', join(dir, 'keys/log.key'), '--json'])
  vkey = JSON.parse(made.stdout).vkey
  const args = ['--key', join(dir, 'w.key'), '--state', join(dir, 'w.state'), '--log', vkey, '--name', 'w.example']
  witness = await spawnWarrant(['witness', ...args])
  writeFileSync(join(dir, 'quorum'), `witness w ${witness.ready.vkey} ${witness.ready.url}\nquorum w\n`)
  writeFileSync(
    join(dir, 'gateway.yaml'),
    JSON.stringify({
      listen: { port: 0 },
      quorum: './quorum',
      log: './log',
      origin: ORIGIN,
      keys: './keys',
      models: './models',
      apiKeys: [
        { agent: 'agent-1', sha256: hash('secret-one') },
        { agent: 'bursty', sha256: hash('secret-two'), perMinute: 2 },
        { agent: 'poor', sha256: hash('secret-three'), budget: 1 },
      ],
      hosted: [
        {
          name: 'chat',
          url: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`,
          model: 'tiny',
          apiKeyFrom: 'UPSTREAM_KEY',
        },
      ],
    }),
  )
  gateway = spawn(
    process.execPath,
    [join(ROOT, 'dist/runtime/cli/main.js'), 'gateway', '--config', join(dir, 'gateway.yaml')],
    {
      stdio: ['ignore', 'pipe', 'ignore', 'ipc'],
      env: { ...process.env, UPSTREAM_KEY: 'of-the-upstream' },
    },
  )
  url = await new Promise((done, fail) => {
    gateway.stdout?.once('data', chunk => done(JSON.parse(String(chunk)).url))
    gateway.once('exit', code => fail(new Error(`the gateway ended with ${code}`)))
  })
}, 60_000)
afterAll(async () => {
  gateway.kill('SIGKILL')
  await witness.stop()
  upstream.close()
  rmSync(dir, { recursive: true })
})

const post = (path: string, body: unknown, key = 'secret-one') =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify(body),
  })
/** What the documents of this suite may hold. */
type Document = {
  id: string
  message: string
  models: unknown
  requests: number
  paths: object
  trace: string
  inclusion: string
  result: { output: { tensor: { data: string } } }
  warrant: { id: string; answer: string; receipt: { statement: { outputDigest: string } } }
}
const documentOf = async (response: Response | Promise<Response>) => (await (await response).json()) as Document
const get = (path: string) => documentOf(fetch(`${url}${path}`))

describe('warrant gateway', () => {
  test('model files are handed out by digest, to those who have a key', async () => {
    const [model] = ((await get('/v1/models')) as { models: { digest: string }[] }).models
    const address = `${url}/v1/models/${model?.digest}/file`
    expect((await fetch(address)).status).toBe(401)
    const authorization = 'Bearer secret-one'
    expect((await fetch(`${url}/v1/models/${'ab'.repeat(32)}/file`, { headers: { authorization } })).status).toBe(404)
    const bytes = Buffer.from(await (await fetch(address, { headers: { authorization } })).arrayBuffer())
    expect(bytes.equals(readFileSync(join(dir, 'models/trend.onnx')))).toBe(true)
  })

  test('a model call: the cheapest kind that satisfies, receipt and proof by id', async () => {
    const { models } = await get('/v1/models')
    expect(models).toMatchObject([
      {
        name: 'trend',
        numeric: 'int-exact-v1',
        proof: { kind: 'freivalds', why: expect.stringContaining('cheapest of signed, freivalds, replay') },
      },
      { name: 'chat', numeric: 'upstream', proof: { kind: 'signed' } },
    ])
    const answer = await documentOf(post('/v1/infer', { model: 'trend', input: input(1) }))
    const cost = { workers: 1, workerMs: expect.any(Number), proofBytes: 4 * 41, checkMicros: expect.any(Number) }
    expect(answer).toMatchObject({ result: { status: 'ok' }, proof: { kind: 'freivalds', cost } })
    const graph = readIntGraph(readFileSync(join(dir, 'models/trend.onnx')))
    const data = Float32Array.from({ length: 12 }, (_, j) => Math.sin(1 + j))
    expect(answer.result.output.tensor.data).toBe(
      encodeBase64(new Uint8Array(runGraph(graph, { shape: [1, 12], data }).buffer)),
    )
    expect(await get(`/v1/receipts/${answer.id}`)).toEqual(answer.result)
    const proof = await get(`/v1/proofs/${answer.id}`)
    expect(Buffer.from(proof.trace, 'base64').length).toBe(4 * 41)
    expect(proof.inclusion).toMatch(/^c2sp.org\/tlog-proof@v1/)
    expect((await fetch(`${url}/v1/proofs/${'00'.repeat(32)}`)).status).toBe(404)
  })

  test('an idempotency key stands for one request', async () => {
    const body = { model: 'trend', input: input(2), idempotencyKey: 'k' }
    const [one, two] = await Promise.all([post('/v1/infer', body), post('/v1/infer', body)])
    expect((await documentOf(one)).id).toBe((await documentOf(two)).id)
    const other = await post('/v1/infer', { ...body, input: input(3) })
    expect([other.status, (await documentOf(other)).message]).toEqual([
      400,
      expect.stringContaining('was used for another request'),
    ])
  })

  test('chat completions: tools, streaming, the signed text, an upstream that fails', async () => {
    const messages = [{ role: 'user', content: 'hello' }]
    const tools = [{ type: 'function', function: { name: 'hold', parameters: {} } }]
    const plain = await documentOf(post('/v1/chat/completions', { model: 'chat', messages, tools }))
    expect(plain).toMatchObject({
      choices: [{ message: { content: 'Good day.', tool_calls: [{ function: { name: 'hold' } }] } }],
      usage: { total_tokens: 7 },
    })
    expect(asked.at(-1)).toMatchObject({ authorization: 'Bearer of-the-upstream', body: { model: 'tiny', tools } })
    expect(plain.warrant.receipt.statement.outputDigest).toBe(
      payloadDigest({ type: 'chat', body: plain.warrant.answer }, nodeCrypto),
    )
    expect(await get(`/v1/receipts/${plain.warrant.id}`)).toMatchObject({ status: 'ok' })

    const streamed = await post('/v1/chat/completions', { model: 'chat', messages, tools, stream: true })
    expect(streamed.headers.get('content-type')).toContain('text/event-stream')
    const events = (await streamed.text())
      .split('\n\n')
      .filter(line => line !== '')
      .map(line => line.slice('data: '.length))
    expect(events.at(-1)).toBe('[DONE]')
    const chunks = events.slice(0, -1).map(event => JSON.parse(event))
    expect(chunks[0]).toMatchObject({
      object: 'chat.completion.chunk',
      choices: [{ delta: { content: 'Good day.', tool_calls: [{ index: 0, id: 'c1' }] }, finish_reason: null }],
    })
    expect(chunks[1].choices[0].finish_reason).toBe('stop')
    expect(chunks[2].warrant.receipt.signature).toMatch(/^[0-9a-f]{128}$/)

    const before = asked.length
    const failed = await post('/v1/chat/completions', { model: 'chat', messages: [{ role: 'user', content: 'fail' }] })
    expect([failed.status, (await documentOf(failed)).message]).toEqual([
      502,
      expect.stringContaining('the upstream answered 500'),
    ])
    // Asked once: a second try would be another answer that nobody sees.
    expect(asked.length).toBe(before + 1)
  })

  test('keys, rates, budgets, sizes: refused before anything is numbered', async () => {
    const ask = (key: string) => post('/v1/infer', { model: 'trend', input: input(4) }, key)
    expect((await ask('nobody')).status).toBe(401)
    expect([
      (await ask('secret-two')).status,
      (await ask('secret-two')).status,
      (await ask('secret-two')).status,
    ]).toEqual([200, 200, 429])
    expect([(await ask('secret-three')).status, (await ask('secret-three')).status]).toEqual([200, 429])
    expect((await post('/v1/infer', { model: 'none', input: input(5) })).status).toBe(400)
    expect((await post('/v1/infer', { model: 'trend', input: input(5), extra: 1 })).status).toBe(400)
    expect(
      (await post('/v1/infer', { model: 'trend', input: { type: 'chat', body: 'x'.repeat(300_000) } })).status,
    ).toBe(413)
    const { requests } = await get('/health')
    expect(requests).toBe(8)
  })

  test('its log is published while it runs: cosigned, served as tiles, read by every command', async () => {
    const published = async () => Number((await (await fetch(`${url}/checkpoint`)).text()).split('\n')[1])
    // The run's record, and the requests and answers of before.
    while ((await published()) < 15) await new Promise(done => setTimeout(done, 50))
    const required = ['--vkey', vkey, '--require-witness', witness.ready.vkey as string, '--json']
    for (const where of [url, join(dir, 'log')]) {
      const verified = await commandHere(['log', 'verify', where, ...required])
      expect([where, verified.status, verified.stderr]).toEqual([where, 0, ''])
      expect(JSON.parse(verified.stdout)).toMatchObject({
        ok: true,
        isOpen: where !== url,
        witnesses: { cosigned: [{ name: 'w.example' }] },
      })
      const replayed = await commandHere(['replay', where, ...required])
      expect([where, replayed.status]).toEqual([where, 0])
      const asked = await commandHere(['log', 'show', where, ...required, '--kind', 'request', '--agent', 'agent-1'])
      expect(JSON.parse(asked.stdout).length).toBeGreaterThan(0)
    }
    expect((await fetch(`${url}/state/lock`)).status).toBe(404)
  })

  test('metrics for Prometheus, a described API; its log verifies after SIGTERM, every proof in it holds', async () => {
    const metrics = await (await fetch(`${url}/metrics`)).text()
    expect(metrics).toContain('warrant_requests_total{agent="agent-1",model="trend",status="ok",proof="freivalds"} 2')
    expect(metrics).toMatch(/warrant_refused_total\{code="RATE_LIMITED"\} 2/)
    expect(metrics).toContain('warrant_workers_set_aside 0')
    expect(Object.keys((await get('/openapi.json')).paths)).toEqual(
      expect.arrayContaining(['/v1/infer', '/v1/chat/completions', '/v1/proofs/{id}']),
    )
    gateway.kill('SIGTERM')
    await new Promise(done => gateway.once('exit', done))
    expect(warrant(['log', 'verify', join(dir, 'log'), '--unpinned']).status).toBe(0)
    const vkey = readFileSync(join(dir, 'log', 'vkey'), 'utf8').trim()
    if (hasGo) expect(goVerifyRules(join(dir, 'log'), vkey).output).toMatch(/^ok \d+ /)
    const replayed = warrant(['replay', join(dir, 'log'), '--unpinned', '--public', '--json'])
    expect(JSON.parse(replayed.stdout)).toMatchObject({
      findings: [],
      proofs: { freivalds: { held: 5, refused: 0 }, signed: { held: 2 } },
      epochs: [{ epoch: 0, held: 5, refused: [], soundnessBits: 126 }],
    })
    // Anybody derives the same coins.
    const again = warrant(['replay', join(dir, 'log'), '--unpinned', '--public', '--json'])
    expect(JSON.parse(again.stdout).epochs).toEqual(JSON.parse(replayed.stdout).epochs)
  })
})

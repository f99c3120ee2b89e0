import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { nodeKernels, randomWords } from '#runtime/crypto/nodeKernels.ts'
import { createGateway } from '#runtime/gateway/createGateway.ts'
import { serveGateway } from '#runtime/gateway/serveGateway.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { type Log, openLog } from '#runtime/log/openLog.ts'
import { createInProcessQueue } from '#runtime/queue/inProcessQueue.ts'
import { recoverRuns } from '#runtime/run/recoverRuns.ts'
import { createWorker } from '#runtime/worker/createWorker.ts'
import { identifyModel, onnxEngine } from '#runtime/worker/onnxEngine.ts'
import { signReceipts } from '#runtime/worker/receiptBatch.ts'
import { verifyLog } from '#verifier/audit/verifyLog.ts'
import { digestJson } from '#verifier/evidence/digest.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { Appender } from '#verifier/evidence/ports/log.ts'
import type { JobResult, QueuePort } from '#verifier/evidence/ports/queue.ts'
import { type AnyRecord, decodeRecord, type RecordOf } from '#verifier/evidence/record.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import { float32Tensor } from '#verifier/evidence/tensor.ts'
import { parseVkey } from '#verifier/log/signedNote.ts'
import { verifyTree } from '#verifier/log/verifyTree.ts'
import { warrant } from '../../support/warrant.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
const root = mkdtempSync(join(tmpdir(), 'warrant-peers-'))
const file = readFileSync(join(ROOT, 'strategies/trend-follower/model.onnx'))
const clock = { nowMs: () => Date.now() }
const [logKey, w1, w2] = [41, 42, 43].map(byte => ed25519Signer(new Uint8Array(32).fill(byte))) as [
  ReturnType<typeof ed25519Signer>,
  ReturnType<typeof ed25519Signer>,
  ReturnType<typeof ed25519Signer>,
]
const workers = [
  { id: 'w1', operator: 'o1', publicKey: w1.publicKeyHex },
  { id: 'w2', operator: 'o2', publicKey: w2.publicKeyHex },
]
let model: ModelIdentity
beforeAll(async () => {
  model = await identifyModel('trend', file)
})
afterAll(() => rmSync(root, { recursive: true }))

const tensor = (seed: number) => ({
  type: 'tensor' as const,
  tensor: float32Tensor(
    Array.from({ length: 12 }, (_, i) => Math.sin(seed + i)),
    [1, 12],
  ),
})

/** A gateway over HTTP with a log of its own, as `warrant gateway` makes it, over any queue. */
async function gatewayOver(queue: QueuePort, proof = 'signed') {
  const dir = mkdtempSync(join(root, 'gateway-'))
  const log = openLog({ dir, origin: 'peers.example/gateway', signer: logKey, clock })
  const run = log.startRun(logKey)
  const runtime = run.appender('runtime')
  const policy = { gateway: 'peers.example' }
  runtime.append('run', {
    previous: log.lastRun(),
    ...{ mode: 'gateway', seed: 'none', agent: 'gateway', config: {}, strategy: null, market: null, chain: null },
    software: { name: 'warrant', version: '1', digest: '00'.repeat(32) },
    policy: { digest: digestJson('policy', policy), document: policy },
    models: [{ ...model, file: log.putBlob(file) }],
    keys: { log: log.vkey, agent: logKey.publicKeyHex, workers, verifiers: [], executor: null },
  })
  const gateway = createGateway({
    ...{ log: run.appender('gateway'), queue, clock, models: [model], workers, proofOf: () => proof },
    putBlob: bytes => log.putBlob(bytes),
    checks: { kernels: nodeKernels(), randomWords, modelFile: async () => file, engine: () => null },
    ...{ sealEvery: null, timeoutMs: 20_000, requestIs: 'durable', signatures: 'atOnce' },
  })
  const app = await serveGateway({
    ...{ gateway, clock, models: [{ ...model, proof: { kind: 'signed', why: 'it is enough' } }] },
    apiKeys: [{ agent: 'a', sha256: createHash('sha256').update('key').digest('hex'), perMinute: null, budget: null }],
    prove: index => log.prove(index),
    modelFile: async () => file,
    blob: ref => log.blob(ref),
    logger: pino({ level: 'silent' }),
  })
  const infer = async (body: object) => {
    const headers = { authorization: 'Bearer key', 'content-type': 'application/json' }
    const payload = JSON.stringify({ model: 'trend', ...body })
    const answer = await app.inject({ method: 'POST', url: '/v1/infer', headers, payload })
    return { status: answer.statusCode, body: answer.json() as Record<string, unknown> }
  }
  async function close(): Promise<{ findings: string[]; incidents: RecordOf<'incident'>[] }> {
    runtime.append('close', { reason: 'done', decisions: 0, requests: gateway.requests })
    const records = (await log.entries(0, log.size)).map(decodeRecord)
    await app.close()
    await log.close()
    const report = await verifyLog({
      files: openLogFiles(dir),
      crypto: nodeCrypto,
      key: parseVkey(nodeCrypto, log.vkey),
    })
    return {
      findings: report.findings.map(({ where, reason }) => `${where}: ${reason}`),
      incidents: records.filter(record => record.kind === 'incident'),
    }
  }
  return { infer, close, gateway, log: log as Log, dir }
}

const honest = (id: string, signer: typeof w1) =>
  createWorker({ id, signer, engine: onnxEngine, clock, modelFile: async () => file })

/** An honest answer with a signed statement that names a trace which is nowhere. */
const straying = (done: JobResult): JobResult => {
  const statement = { ...done.receipt.statement, traceDigest: 'ab'.repeat(32) }
  return { ...done, receipt: signReceipts(w1, [statement])[0] as JobResult['receipt'] }
}

test('a stray traceDigest costs its worker the job: another answers, the worker is named, the log verifies', async () => {
  const [liar, other] = [createInProcessQueue([honest('w1', w1)]), createInProcessQueue([honest('w2', w2)])]
  const { infer, close, gateway } = await gatewayOver({
    dispatch: async (job, avoid) =>
      avoid?.has('w1') ? other.dispatch(job, avoid) : straying(await liar.dispatch(job, avoid)),
    async setAside() {},
    async readmit() {},
    aside: async () => null,
    async close() {},
  })
  const { status, body } = await infer({ input: tensor(1) })
  expect([status, (body.result as { status: string }).status]).toEqual([200, 'ok'])
  expect(gateway.caught).toEqual(['w1'])
  const { findings, incidents } = await close()
  expect(findings).toEqual([])
  expect(incidents.map(({ body: { what, reason } }) => `${what}: ${reason}`)).toEqual([
    expect.stringMatching(/^a worker lied: worker w1 .*traceDigest/),
  ])
})

test.each([
  ['half of a surrogate pair', '\ud83d', /surrogate/],
  ['25,000 Chinese characters', '观'.repeat(25_000), /75000 bytes.*64500/],
  ['quotes that are escaped in the record', '"'.repeat(33_000), /66000 bytes/],
])('%s: refused with 400 and the reason, before a number is taken', async (_what, body, reason) => {
  const { infer, close, gateway } = await gatewayOver(createInProcessQueue([honest('w1', w1)]))
  const refused = await infer({ input: { type: 'chat', body } })
  expect([refused.status, refused.body.message]).toEqual([400, expect.stringMatching(reason)])
  expect(gateway.requests).toBe(0)
  expect((await infer({ input: tensor(1) })).status).toBe(200)
  expect((await close()).findings).toEqual([])
})

test('what only the record can refuse costs no number either', async () => {
  const { close, gateway } = await gatewayOver(createInProcessQueue([honest('w1', w1)]))
  const prompt = { type: 'chat' as const, body: `[${'390 bars of numbers '.repeat(5_000)}]` }
  await expect(
    gateway.infer({ agent: 'a', tick: 0, observation: null, model: 'trend', input: prompt }),
  ).rejects.toMatchObject({ code: 'BAD_INPUT', message: expect.stringContaining('cannot be put on record') })
  const broken = { type: 'chat' as const, body: '\udc00' }
  await expect(
    gateway.infer({ agent: 'a', tick: 0, observation: null, model: 'trend', input: broken }),
  ).rejects.toMatchObject({ code: 'BAD_INPUT' })
  const input = tensor(2)
  const { result } = await gateway.infer({ agent: 'a', tick: 0, observation: null, model: 'trend', input })
  expect([result.status, gateway.requests]).toEqual(['ok', 1])
  expect((await close()).findings).toEqual([])
})

test('a failure on record does not stay under its idempotency key, an answer does', async () => {
  const worker = createInProcessQueue([honest('w1', w1)])
  let isDown = true
  const { infer, close, gateway } = await gatewayOver({
    ...worker,
    async dispatch(job, avoid) {
      if (isDown) throw new WarrantError('WORKER_FAILED', 'no \ud83d Redis answers')
      return worker.dispatch(job, avoid)
    },
  })
  const asked = { input: tensor(3), idempotencyKey: 'one' }
  expect((await infer(asked)).body.result).toEqual({ status: 'failed', reason: 'no \ufffd Redis answers' })
  isDown = false
  const answered = await infer(asked)
  expect((answered.body.result as { status: string }).status).toBe('ok')
  expect((await infer(asked)).body.id).toEqual(answered.body.id)
  expect(gateway.requests).toBe(2)
  expect((await close()).findings).toEqual([])
})

test('a surrogate in the error of a worker, an incident or a decision is recorded as U+FFFD', async () => {
  const dir = mkdtempSync(join(root, 'door-'))
  const log = openLog({ dir, origin: 'peers.example/door', signer: logKey, clock })
  const runtime: Appender = log.startRun().appender('runtime')
  const half = '\u{1f600}'.slice(0, 1)
  const { record } = runtime.append('incident', {
    what: half,
    caughtBy: 'x',
    reason: half,
    evidence: { [half]: [half] },
  })
  const expected = { what: '\ufffd', caughtBy: 'x', reason: '\ufffd', evidence: { '\ufffd': ['\ufffd'] } }
  expect(record.body).toEqual(expected)
  expect(decodeRecord((await log.entries(0, 1))[0] as Uint8Array).body).toEqual(expected)
  await log.close()
})

test('answers with a trace that a killed gateway left unsealed are sealed when it starts again', async () => {
  const { infer, log, dir } = await gatewayOver(createInProcessQueue([honest('w1', w1)]), 'freivalds')
  for (const seed of [1, 2, 3]) expect((await infer({ input: tensor(seed) })).status).toBe(200)
  await log.checkpoint()
  const left = `${dir}-left`
  cpSync(dir, left, { recursive: true, filter: path => !path.includes('lock') })
  await log.close()
  const again = openLog({ dir: left, origin: 'peers.example/gateway', signer: logKey, clock })
  const [recovered] = await recoverRuns({ log: again, author: logKey, treasury: null })
  expect(recovered).toMatchObject({ requests: 0, missed: 0 })
  const kinds = (await again.entries(0, again.size)).map(entry => decodeRecord(entry).kind)
  expect(kinds.slice(-2)).toEqual(['seal', 'close'])
  await again.close()
  const key = parseVkey(nodeCrypto, again.vkey)
  expect((await verifyLog({ files: openLogFiles(left), crypto: nodeCrypto, key })).findings).toEqual([])
})

test('a killed gateway ends its open requests when it starts again, under another key too', async () => {
  const dir = mkdtempSync(join(root, 'killed-'))
  mkdirSync(join(dir, 'models'))
  writeFileSync(join(dir, 'models', 'trend.onnx'), file)
  // A hosted model that never answers keeps its request in flight.
  const upstream = createServer(() => {})
  await new Promise<void>(done => upstream.listen(0, '127.0.0.1', done))
  const { port } = upstream.address() as { port: number }
  writeFileSync(
    join(dir, 'gateway.yaml'),
    JSON.stringify({
      ...{ listen: { port: 0 }, log: './log', origin: 'peers.example/killed', keys: './keys', models: './models' },
      ...{ timeoutMs: 600_000, proofs: [['freivalds'], ['signed']] },
      hosted: [{ name: 'far', url: `http://127.0.0.1:${port}`, model: 'far' }],
      apiKeys: [{ agent: 'a', sha256: createHash('sha256').update('key').digest('hex') }],
    }),
  )
  const start = async (): Promise<{ child: ChildProcess; url: string }> => {
    const main = join(ROOT, 'dist/runtime/cli/main.js')
    const child = spawn(process.execPath, [main, 'gateway', '--config', join(dir, 'gateway.yaml')])
    const line = await new Promise<string>((done, failed) => {
      let text = ''
      child.stdout?.on('data', chunk => {
        text += chunk
        if (text.includes('\n')) done(text)
      })
      let errors = ''
      child.stderr?.on('data', chunk => (errors += chunk))
      child.once('exit', () => failed(new Error(errors)))
    })
    return { child, url: (JSON.parse(line) as { url: string }).url }
  }
  const ended = (child: ChildProcess) => new Promise(done => child.once('exit', done))
  const headers = { authorization: 'Bearer key', 'content-type': 'application/json' }
  const post = (url: string, path: string, body: object) =>
    fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })

  const first = await start()
  expect((await post(first.url, '/v1/infer', { model: 'trend', input: tensor(1) })).status).toBe(200)
  const inFlight = post(first.url, '/v1/chat/completions', { model: 'far', messages: [{ role: 'user', content: 'x' }] })
  inFlight.catch(() => {})
  await new Promise(done => upstream.once('request', done))
  first.child.kill('SIGKILL')
  await ended(first.child)

  // Its key is replaced meanwhile: what the old one began, the old one ends.
  for (const step of [[], ['--now']])
    expect(warrant(['keys', 'rotate', 'gateway', '--key', join(dir, 'keys', 'worker.key'), ...step]).status).toBe(0)
  const second = await start()
  expect((await post(second.url, '/v1/infer', { model: 'trend', input: tensor(2) })).status).toBe(200)
  second.child.kill('SIGTERM')
  expect(await ended(second.child)).toBe(0)
  upstream.close()
  upstream.closeAllConnections()
  const logDir = join(dir, 'log')
  expect(warrant(['log', 'verify', logDir, '--unpinned']).status).toBe(0)
  const records: AnyRecord[] = []
  const key = parseVkey(nodeCrypto, readFileSync(join(logDir, 'vkey'), 'utf8').trim())
  await verifyTree({ files: openLogFiles(logDir), crypto: nodeCrypto, key }, entry => {
    records.push(decodeRecord(entry))
  })
  const inFirst = records.filter(({ runId }) => runId === records[0]?.runId)
  const agents = records.flatMap(record => (record.kind === 'run' ? [record.body.keys.agent] : []))
  expect(new Set(agents).size).toBe(2)
  const kinds = ['run', 'request', 'response', 'request', 'response', 'close']
  expect(inFirst.map(({ kind }) => kind)).toEqual(kinds)
  expect(inFirst.find(({ seq }) => seq === 4)?.body).toMatchObject({ result: { status: 'failed' } })
})

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { pino } from 'pino'
import { gatewayConfig } from '#config/gatewayConfig.ts'
import { loadConfig } from '#config/loadConfig.ts'
import { type Ed25519Signer, openEd25519Key } from '#runtime/crypto/ed25519Key.ts'
import { openKeyRing } from '#runtime/crypto/keyRing.ts'
import { nodeKernels, randomWords } from '#runtime/crypto/nodeKernels.ts'
import { chooseProof, type ProofChoice } from '#runtime/gateway/chooseProof.ts'
import { createGateway } from '#runtime/gateway/createGateway.ts'
import { serveGateway } from '#runtime/gateway/serveGateway.ts'
import { createCosigner } from '#runtime/log/cosigner.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { serveFiles } from '#runtime/log/serveFiles.ts'
import { checkCosts, isCheapToRun } from '#runtime/model/modelCosts.ts'
import { createBullQueue, readmitWorker } from '#runtime/queue/bullQueue.ts'
import { createInProcessQueue } from '#runtime/queue/inProcessQueue.ts'
import { routeByModel } from '#runtime/queue/routeByModel.ts'
import { SEAL_EVERY } from '#runtime/run/openRun.ts'
import { recoverRuns } from '#runtime/run/recoverRuns.ts'
import { softwareIdentity } from '#runtime/run/software.ts'
import { createChatRelay, hostedModel, type Upstream } from '#runtime/worker/chatRelay.ts'
import { createWorker } from '#runtime/worker/createWorker.ts'
import { identifyModel, onnxEngine } from '#runtime/worker/onnxEngine.ts'
import { digestJson } from '#verifier/evidence/digest.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Clock } from '#verifier/evidence/ports/clock.ts'
import type { QueuePort } from '#verifier/evidence/ports/queue.ts'
import { reasonText } from '#verifier/evidence/reasonText.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import { logStream } from './output.ts'
import { readQuorum } from './readQuorum.ts'
import { serveUntilStopped } from './serve.ts'

const LOCAL = 'worker-local'

/** Milliseconds between looks at who was readmitted. */
const REFRESH_MS = 1_000

/** Milliseconds after an answer until what is new in the log is published. */
const PUBLISH_EVERY_MS = 1_000

/** Lets a worker of a gateway's Redis take jobs again, while the gateway runs. @throws BAD_CONFIG, BAD_INPUT, UNREACHABLE */
export async function readmit(file: string, worker: string): Promise<void> {
  const { redis } = loadConfig(file, gatewayConfig)
  if (redis === undefined)
    throw new WarrantError(
      'BAD_INPUT',
      `${file}: has no redis: the worker inside the gateway comes back when that is restarted`,
    )
  if (!(await readmitWorker({ url: redis, worker })))
    throw new WarrantError('BAD_INPUT', `worker ${worker} is not set aside: GET /health says who is`)
}

/** One queue for all hosted models, each with its relay. */
function relays(
  upstreams: readonly { identity: ModelIdentity; relay: { id: string; upstream: Upstream } }[],
  signer: Ed25519Signer,
  clock: Clock,
): QueuePort {
  const queues = new Map(
    upstreams.map(({ identity, relay }) => [
      identity.digest,
      createInProcessQueue([createChatRelay({ ...relay, signer, clock })]),
    ]),
  )
  return {
    async dispatch(job, avoid) {
      const queue = queues.get(job.model.digest)
      if (queue === undefined) throw new WarrantError('WORKER_FAILED', `nothing relays to model ${job.model.name}`)
      return queue.dispatch(job, avoid)
    },
    async setAside() {
      // A relay has no other in its place.
    },
    async readmit() {},
    aside: async () => null,
    async close() {
      for (const queue of queues.values()) await queue.close()
    },
  }
}

/** Runs a gateway with its own log until SIGTERM. @throws BAD_CONFIG, FILE_MISSING, MODEL_INVALID, UNREACHABLE, PORT_IN_USE, LOG_LOCKED */
export async function runGateway(file: string): Promise<void> {
  const config = loadConfig(file, gatewayConfig)
  const path = (name: string) => resolve(dirname(file), name)
  const clock = { nowMs: () => Date.now() }
  const dir = path(config.models)
  if (!existsSync(dir)) throw new WarrantError('FILE_MISSING', `${config.models}: no such directory of models`)
  const loaded = await Promise.all(
    readdirSync(dir)
      .filter(name => name.endsWith('.onnx'))
      .map(async name => {
        const bytes = readFileSync(join(dir, name))
        return { identity: await identifyModel(basename(name, '.onnx'), bytes), bytes }
      }),
  )
  if (loaded.length === 0 && config.hosted.length === 0)
    throw new WarrantError('FILE_MISSING', `${config.models}: holds no .onnx file, and no model is hosted`)
  if (config.redis !== undefined && config.workers.length === 0)
    throw new WarrantError('BAD_CONFIG', `${file}: workers: list the workers whose receipts count`)
  async function modelFile({ digest, name }: ModelIdentity): Promise<Uint8Array> {
    const found = loaded.find(model => model.identity.digest === digest)
    if (found === undefined) throw new WarrantError('WORKER_FAILED', `no file of model ${name}`)
    return found.bytes
  }
  const [workerKey, ...pastKeys] = openKeyRing(join(path(config.keys), 'worker.key'))
  const embedded = (id: string) => ({ id, operator: 'embedded', publicKey: workerKey.publicKeyHex })
  const workers = [
    ...(config.redis === undefined
      ? [embedded(LOCAL)]
      : config.workers.map(({ id, operator, publicKey }) => ({ id, operator, publicKey }))),
    ...config.hosted.map(({ name }) => embedded(`relay-${name}`)),
  ]
  const upstreams = config.hosted.map(({ name, url, model, apiKeyFrom, openGradient }) => {
    const apiKey = apiKeyFrom === undefined ? null : (process.env[apiKeyFrom] ?? '')
    if (apiKey === '') throw new WarrantError('BAD_CONFIG', `${file}: hosted.apiKeyFrom: ${apiKeyFrom} is not set`)
    if (openGradient !== undefined && name !== model)
      throw new WarrantError(
        'BAD_CONFIG',
        `${file}: hosted.name: must be ${model}: an OpenGradient gateway signs the request with that name`,
      )
    const upstream = { url, model, apiKey, openGradient }
    return { identity: hostedModel(name, upstream), relay: { id: `relay-${name}`, upstream } }
  })
  const held =
    config.redis === undefined
      ? createInProcessQueue([
          createWorker({
            id: LOCAL,
            signer: workerKey,
            engine: onnxEngine,
            clock,
            modelFile,
          }),
        ])
      : await createBullQueue({ url: config.redis })
  const running = {
    operators: new Set(config.redis === undefined ? ['embedded'] : config.workers.map(({ operator }) => operator)).size,
    attested: config.redis !== undefined && config.workers.every(({ attested }) => attested),
  }
  const queue = routeByModel({ held, hosted: relays(upstreams, workerKey, clock) })
  const logger = pino({ name: 'gateway' }, logStream)
  let onWitness = (witness: string, reason: string | null) =>
    logger.warn({ witness, reason }, reason === null ? 'a witness cosigns again' : 'a witness does not cosign')
  const log = openLog({
    dir: path(config.log),
    origin: config.origin,
    signer: openEd25519Key(join(path(config.keys), 'log.key')),
    clock,
    cosigner:
      config.quorum === undefined
        ? null
        : createCosigner(readQuorum(path(config.quorum)), { onChange: (name, reason) => onWitness(name, reason) }),
    publishEveryMs: PUBLISH_EVERY_MS,
  })
  // Before anything is signed for anyone: a witness that has seen more stops a log that was restored from a backup.
  await log.publish()
  for (const { requests } of await recoverRuns({ log, author: workerKey, pastAuthors: pastKeys, treasury: null }))
    logger.warn({ requests }, 'ended a run that was cut off: its open requests failed, its answers are sealed')
  const run = log.startRun(workerKey)
  const runtime = run.appender('runtime')
  const models = [
    ...loaded.map(({ identity, bytes }) => ({ ...identity, file: log.putBlob(bytes) })),
    ...upstreams.map(({ identity }) => identity),
  ]
  const costs = new Map(loaded.map(({ identity, bytes }) => [identity.digest, checkCosts(identity, bytes)]))
  const proofs = new Map(
    models.map(model => [model.digest, chooseProof(model, [config.proofs], running, costs.get(model.digest))]),
  )
  const policy = { gateway: config.origin }
  runtime.append('run', {
    mode: 'gateway',
    previous: log.lastRun(),
    software: softwareIdentity(),
    seed: 'none',
    agent: 'gateway',
    config: { proofs: config.proofs },
    policy: { digest: digestJson('policy', policy), document: policy },
    strategy: null,
    models,
    market: null,
    chain: null,
    keys: { log: log.vkey, agent: workerKey.publicKeyHex, workers, verifiers: [], executor: null },
  })
  const tell = onWitness
  onWitness = (witness, reason) => {
    tell(witness, reason)
    const what = reason === null ? 'a witness cosigns again' : 'a witness does not cosign'
    const said = reasonText(`${witness}: ${reason ?? 'it answers'}`)
    runtime.append('incident', { what, caughtBy: 'gateway', reason: said, evidence: { witness } })
  }
  const gateway = createGateway({
    log: run.appender('gateway'),
    queue,
    clock,
    models,
    workers,
    proofOf: ({ digest }) => (proofs.get(digest) as ProofChoice).kind,
    putBlob: bytes => log.putBlob(bytes),
    checks: {
      kernels: nodeKernels(),
      randomWords,
      modelFile,
      engine: ({ digest }) => (isCheapToRun(costs.get(digest)) ? onnxEngine : null),
    },
    sealEvery: SEAL_EVERY,
    timeoutMs: config.timeoutMs,
    requestIs: 'durable',
    signatures: 'atOnce',
  })
  await gateway.refresh()
  const refresh = setInterval(
    () => gateway.refresh().catch(error => logger.warn({ reason: reasonOf(error) }, 'who is set aside cannot be read')),
    REFRESH_MS,
  )
  const app = await serveGateway({
    gateway,
    models: models.map(model => ({ ...model, proof: proofs.get(model.digest) as ProofChoice })),
    apiKeys: config.apiKeys,
    clock,
    prove: index => log.prove(index),
    modelFile,
    blob: ref => log.blob(ref),
    logger,
  })
  if (config.tiles) serveFiles(app, openLogFiles(path(config.log)))
  app.addHook('onClose', async () => {
    clearInterval(refresh)
    gateway.seal()
    // Nothing of a run follows its close; the last publication asks the witnesses once more.
    onWitness = tell
    runtime.append('close', { reason: 'the gateway was stopped', decisions: 0, requests: gateway.requests })
    await queue.close()
    await log.close()
  })
  await serveUntilStopped(app, config.listen, { vkey: log.vkey })
}

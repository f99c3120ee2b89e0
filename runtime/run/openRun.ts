import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type LlmAgentDefinition, llmAgentBundle } from '#agents/llm/definition.ts'
import { bundleStrategy, type StrategyBundle } from '#agents/sandbox/bundleStrategy.ts'
import { createSandbox } from '#agents/sandbox/createSandbox.ts'
import type { SourcePlaces } from '#agents/sandbox/sourcePlaces.ts'
import { located } from '#agents/sandbox/strategyFailure.ts'
import { type Ed25519Signer, openEd25519Key } from '#runtime/crypto/ed25519Key.ts'
import { openKeyRing } from '#runtime/crypto/keyRing.ts'
import { nodeKernels, randomWords } from '#runtime/crypto/nodeKernels.ts'
import { chooseProof } from '#runtime/gateway/chooseProof.ts'
import { createGateway, type Gateway } from '#runtime/gateway/createGateway.ts'
import type { Log } from '#runtime/log/openLog.ts'
import { checkCosts, isCheapToRun } from '#runtime/model/modelCosts.ts'
import { createInProcessQueue } from '#runtime/queue/inProcessQueue.ts'
import { routeByModel } from '#runtime/queue/routeByModel.ts'
import { createChatRelay, hostedModel, type Upstream } from '#runtime/worker/chatRelay.ts'
import { createWorker, type Worker } from '#runtime/worker/createWorker.ts'
import { identifyModel, onnxEngine } from '#runtime/worker/onnxEngine.ts'
import type { Json } from '#verifier/evidence/canonical.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { paramsDigest, paramsText } from '#verifier/evidence/paramsText.ts'
import type { Clock } from '#verifier/evidence/ports/clock.ts'
import type { EnginePort } from '#verifier/evidence/ports/engine.ts'
import type { Appended, Appender } from '#verifier/evidence/ports/log.ts'
import type { QueuePort } from '#verifier/evidence/ports/queue.ts'
import type { SandboxedStrategy } from '#verifier/evidence/ports/sandbox.ts'
import type { BlobRef } from '#verifier/evidence/primitives.ts'
import type { Actor } from '#verifier/evidence/record.ts'
import type { ChainIdentity, ModelIdentity, Run, RunMode } from '#verifier/evidence/records/run.ts'
import { softwareIdentity } from './software.ts'

/** A strategy made ready: its bundle, its sandbox, and the models beside it. */
export type LoadedStrategy = {
  bundle: StrategyBundle
  sandboxed: SandboxedStrategy
  /** JSON text, see paramsText. */
  params: string
  paramsDigest: string
  /** `file` is null for a hosted model, which `upstream` then serves. */
  models: { identity: ModelIdentity; file: Uint8Array | null }[]
  upstream: Upstream | null
}

/** Where the built-in strategies lie. */
export const STRATEGIES = fileURLToPath(new URL('../../strategies', import.meta.url))

/** The module of a built-in strategy by name, or a path as it is. */
export function strategyEntry(nameOrPath: string): string {
  for (const extension of ['ts', 'js']) {
    const builtIn = join(STRATEGIES, nameOrPath, `index.${extension}`)
    if (/^[a-z0-9-]+$/.test(nameOrPath) && existsSync(builtIn)) return builtIn
  }
  return nameOrPath
}

/** Loads a bundle with its parameters; `places`: where its code comes from. */
export type LoadBundle = (bundle: Uint8Array, params: string, places: SourcePlaces | null) => Promise<SandboxedStrategy>

/** A strategy whose failures name file and line. */
function locating(sandboxed: SandboxedStrategy, places: SourcePlaces | null): SandboxedStrategy {
  return {
    ...sandboxed,
    decide: doors =>
      sandboxed.decide(doors).catch((error: unknown) => {
        throw error instanceof WarrantError ? located(error, places) : error
      }),
  }
}

/**
 * Bundles a strategy, loads it into a sandbox with its parameters, and identifies its models: `<name>.onnx` for a
 * declared model beside the strategy's module (or `model.onnx` when it declares only one).
 *
 * @throws FILE_MISSING, STRATEGY_INVALID, MODEL_INVALID
 */
export async function loadStrategy(
  entry: string,
  params: unknown = {},
  load: LoadBundle = (bundle, params) => createSandbox().load(bundle, params),
): Promise<LoadedStrategy> {
  const bundle = await bundleStrategy(entry)
  const text = paramsText(params)
  const sandboxed = locating(await load(bundle.bytes, text, bundle.places), bundle.places)
  try {
    const models = await Promise.all(
      sandboxed.manifest.models.map(async ({ name }) => {
        const candidates = [`${name}.onnx`, ...(sandboxed.manifest.models.length === 1 ? ['model.onnx'] : [])].map(
          file => join(dirname(entry), file),
        )
        const path = candidates.find(existsSync)
        if (path === undefined)
          throw new WarrantError('FILE_MISSING', `model ${name}: none of ${candidates.join(', ')} exists`)
        const file = readFileSync(path)
        return { identity: await identifyModel(name, file), file }
      }),
    )
    return { bundle, sandboxed, params: text, paramsDigest: paramsDigest(text), models, upstream: null }
  } catch (error) {
    await sandboxed.close()
    throw error
  }
}

/** An LLM agent made ready: its definition is its bundle, its chat model is hosted by `upstream`. @throws STRATEGY_INVALID */
export async function loadLlmAgent(definition: LlmAgentDefinition, upstream: Upstream): Promise<LoadedStrategy> {
  const bundle = llmAgentBundle(definition)
  const sandboxed = await createSandbox().load(bundle.bytes, '{}')
  const models = [{ identity: hostedModel(definition.model, upstream), file: null }]
  return {
    bundle: { ...bundle, places: null },
    sandboxed,
    params: '{}',
    paramsDigest: paramsDigest('{}'),
    models,
    upstream,
  }
}

export type RunKeys = {
  log: Ed25519Signer
  agent: Ed25519Signer
  worker: Ed25519Signer
  /** Keys that the agent had before: runs that were begun under them are ended under them. */
  pastAgents?: readonly Ed25519Signer[]
}

/** The keys of a run's own actors, from `dir`, made when missing. */
export function openRunKeys(dir: string): RunKeys {
  const [agent, ...pastAgents] = openKeyRing(join(dir, 'agent.key'))
  return {
    log: openEd25519Key(join(dir, 'log.key')),
    agent,
    pastAgents,
    worker: openEd25519Key(join(dir, 'worker.key')),
  }
}

export const AGENT = 'agent-1'
export const WORKER = 'worker-1'
export const RELAY = 'relay-1'
/** Answers in an epoch that is checked in public as one. */
export const SEAL_EVERY = 256

export type OpenRunParameters = {
  mode: RunMode
  log: Log
  keys: RunKeys
  clock: Clock
  seed: string
  config: Json
  strategy: LoadedStrategy
  market: Run['market']
  chain: ChainIdentity | null
  policy: { digest: string; document: Json }
  verifiers: readonly string[]
  executor: string | null
  /**
   * What demands proofs: for each band of value at risk its sets of kinds, any of which will do. The cheapest kind that
   * satisfies all is asked for.
   */
  proofs: readonly (readonly string[][])[]
  /** Whether the gateway checks proofs before an answer is used; the verifier does in any case. */
  gatewayChecks?: boolean
  requestIs: 'durable' | 'ordered'
  /** What the embedded worker runs models on; onnxruntime in this process unless given. */
  engine?: EnginePort
  /** In place of the embedded worker: workers elsewhere. The run closes the queue. */
  inference?: RemoteInference
}

/** Workers elsewhere, by id, operator and key, and what carries jobs to them. `attested`: all of them can prove by `tee`. */
export type RemoteInference = {
  queue: QueuePort
  workers: readonly { id: string; operator: string; publicKey: string }[]
  attested?: boolean
  timeoutMs?: number
}

/** An open run: its record is in the log, and a gateway stands before the workers. */
export type OpenedRun = {
  run: Appended
  appenders: Record<Exclude<Actor, 'gateway'>, Appender>
  gateway: Gateway
  blobs: BlobRef[]
  /** Ends the run in order: the close record, then the workers. Log and sandbox stay open. */
  close(reason: string, decisions: number): Promise<void>
  /** Ends the workers and leaves the run as it is: who starts again goes on with what waits in it. */
  leave(): Promise<void>
}

/** Writes the run record, and starts the gateway over a worker in this process, or those elsewhere. */
export async function openRun(parameters: OpenRunParameters): Promise<OpenedRun> {
  const { mode, log, keys, clock, strategy, market, chain, policy } = parameters
  const runLog = log.startRun(keys.agent)
  const actor = (name: Actor) => runLog.appender(name)
  const appenders = {
    runtime: actor('runtime'),
    market: actor('market'),
    agent: actor('agent'),
    approver: actor('approver'),
    verifier: actor('verifier'),
    executor: actor('executor'),
  }
  const { manifest } = strategy.sandboxed
  const bundle = log.putBlob(strategy.bundle.bytes)
  const models = strategy.models.map(({ identity, file }) => ({
    ...identity,
    file: file === null ? null : log.putBlob(file),
  }))
  const { inference } = parameters
  const embedded = (id: string) => ({ id, operator: 'embedded', publicKey: keys.worker.publicKeyHex })
  const workerKeys = [
    ...(inference?.workers.map(({ id, operator, publicKey }) => ({ id, operator, publicKey })) ?? [embedded(WORKER)]),
    ...(strategy.upstream === null ? [] : [embedded(RELAY)]),
  ]
  const run = appenders.runtime.append('run', {
    mode,
    previous: log.lastRun(),
    software: softwareIdentity(),
    seed: parameters.seed,
    agent: AGENT,
    config: parameters.config,
    policy,
    strategy: {
      name: manifest.name,
      version: manifest.version,
      digest: strategy.bundle.digest,
      bundle,
      params: strategy.params,
      paramsDigest: strategy.paramsDigest,
    },
    models,
    market,
    chain,
    keys: {
      log: log.vkey,
      agent: keys.agent.publicKeyHex,
      workers: workerKeys,
      verifiers: [...parameters.verifiers],
      executor: parameters.executor,
    },
  })
  await run.durable

  const blobs: BlobRef[] = [bundle, ...models.flatMap(m => (m.file === null ? [] : [m.file]))]
  const held =
    inference?.queue ??
    createInProcessQueue([embeddedWorker(strategy, keys.worker, clock, parameters.engine ?? onnxEngine)])
  const running = {
    operators: new Set(inference?.workers.map(({ operator }) => operator) ?? ['embedded']).size,
    attested: inference?.attested === true,
  }
  const queue =
    strategy.upstream === null
      ? held
      : routeByModel({
          held,
          hosted: createInProcessQueue([
            createChatRelay({ id: RELAY, signer: keys.worker, upstream: strategy.upstream, clock }),
          ]),
        })
  const costs = new Map(strategy.models.map(({ identity, file }) => [identity.digest, checkCosts(identity, file)]))
  const proofs = new Map(
    strategy.models.map(({ identity: model }) => [
      model.digest,
      chooseProof(model, parameters.proofs, running, costs.get(model.digest)).kind,
    ]),
  )
  const gateway = createGateway({
    log: runLog.appender('gateway'),
    queue,
    clock,
    models,
    workers: workerKeys,
    proofOf: ({ digest }) => proofs.get(digest) as string,
    putBlob(bytes) {
      const ref = log.putBlob(bytes)
      blobs.push(ref)
      return ref
    },
    checks: parameters.gatewayChecks
      ? {
          kernels: nodeKernels(),
          randomWords,
          engine: ({ digest }) => (isCheapToRun(costs.get(digest)) ? onnxEngine : null),
          async modelFile({ digest }) {
            const found = strategy.models.find(({ identity }) => identity.digest === digest)
            if (found?.file == null) throw new WarrantError('EVIDENCE_MISSING', `no file of model ${digest}`)
            return found.file
          },
        }
      : null,
    sealEvery: SEAL_EVERY,
    timeoutMs: inference?.timeoutMs ?? 10_000,
    requestIs: parameters.requestIs,
    signatures: parameters.requestIs === 'durable' ? 'atOnce' : 'byVerifier',
  })
  return {
    run,
    appenders,
    gateway,
    blobs,
    async close(reason, decisions) {
      gateway.seal()
      await appenders.runtime.append('close', { reason, decisions, requests: gateway.requests }).durable
      await queue.close()
    },
    async leave() {
      gateway.seal()
      await queue.close()
    },
  }
}

function embeddedWorker(strategy: LoadedStrategy, signer: Ed25519Signer, clock: Clock, engine: EnginePort): Worker {
  const files = new Map(strategy.models.map(({ identity, file }) => [identity.digest, file]))
  return createWorker({
    id: WORKER,
    signer,
    engine,
    clock,
    async modelFile(identity) {
      const file = files.get(identity.digest)
      if (file == null) throw new WarrantError('WORKER_FAILED', `no file of model ${identity.name}`)
      return file
    },
  })
}

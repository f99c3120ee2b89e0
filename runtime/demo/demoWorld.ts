import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { makeTokenFile, readTokenFile } from '#runtime/api/tokenFile.ts'
import { createVerifierClient, type VerifierClient } from '#runtime/api/verifierClient.ts'
import { createChainPort } from '#runtime/chain/createChainPort.ts'
import { createTreasury, type Treasury } from '#runtime/chain/createTreasury.ts'
import { type Devnet, startDevnet } from '#runtime/chain/devnet/startDevnet.ts'
import { createExecutor } from '#runtime/chain/executor.ts'
import { openExecutorKey } from '#runtime/chain/signer.ts'
import { makeKeyFile } from '#runtime/cli/lib/keyFile.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { type Log, openLog } from '#runtime/log/openLog.ts'
import { type Bar, decisionTimeMs, type Schedule } from '#runtime/market/bars.ts'
import type { MinuteSource } from '#runtime/market/minutes.ts'
import { chainBalances, createObserver } from '#runtime/market/observer.ts'
import type { MarketSource } from '#runtime/market/openSource.ts'
import {
  AGENT,
  type LoadedStrategy,
  type OpenedRun,
  openRun,
  openRunKeys,
  type RemoteInference,
  type RunKeys,
} from '#runtime/run/openRun.ts'
import { type Service, spawnWarrant } from '#runtime/run/spawnWarrant.ts'
import { toJson } from '#verifier/evidence/canonical.ts'
import type { Clock } from '#verifier/evidence/ports/clock.ts'
import type { Run } from '#verifier/evidence/records/run.ts'
import { formatVkey, noteKey } from '#verifier/log/signedNote.ts'
import { type Policy, policyDigest } from '#verifier/policy/policy.ts'
import type { HttpClient } from '#verifier/service/http/clients.ts'
import { demoPolicy } from './demoPolicy.ts'

export const LOG_ORIGIN = 'warrant.example/demo'
/** The treasury at the start: 60,000 USDC and 20 WETH. */
const TREASURY = { dollars: 60_000n * 10n ** 6n, weth: 20n * 10n ** 18n }

export type DemoWorldParameters = {
  dir: string
  seed: string
  source: MinuteSource
  marketSource: MarketSource
  schedule: Schedule
  strategy: LoadedStrategy
  /** Parameters of the strategy that the policy lists as well (the owners may trust what they should not). */
  otherStrategies: readonly { digest: string; params: string }[]
  otherWorkers: readonly { publicKey: string; operator: string }[]
  /** Whom the verifier answers beside the agent, which then gets a token too; absent: whoever reaches it on loopback. */
  otherClients?: readonly HttpClient[]
  /** What the owners decide otherwise than the demo's. */
  adjustPolicy?(policy: Policy, devnet: Devnet): Policy | Promise<Policy>
}

/** Everything that the demo runs on: devnet, log, verifier process, executor. */
export type DemoWorld = {
  dir: string
  logDir: string
  keys: RunKeys
  devnet: Devnet
  log: Log
  policy: Policy
  market: NonNullable<Run['market']>
  schedule: Schedule
  verifier: Service
  /** The agent's token at the verifier; null where none is asked for. */
  verifierToken: string | null
  /** Market time: what the demo's records are dated by. */
  clock: Clock & { set(ms: number): void }
  run(strategy: LoadedStrategy, options?: { inference?: RemoteInference; gatewayChecks?: boolean }): Promise<DemoRun>
  /** The pool at a tick's close, and the clock at its time: what the agent is about to observe. */
  moveMarketTo(tick: number): Promise<void>
  close(): Promise<void>
}

export type DemoRun = {
  opened: OpenedRun
  treasury: Treasury
  observe: ReturnType<typeof createObserver>
  verifierClient: VerifierClient
}

/** Sets the demo's world up in `dir`. */
export async function createDemoWorld(parameters: DemoWorldParameters): Promise<DemoWorld> {
  const { dir, seed, source, marketSource, schedule, strategy } = parameters
  const firstBar = schedule.bars[schedule.window - 1] as Bar
  const keysDir = join(dir, 'keys')
  const keys = openRunKeys(keysDir)
  const account = openExecutorKey(join(keysDir, 'executor.key'))
  const executorAddress = account.address.toLowerCase()
  const verifierDir = join(dir, 'verifier')
  const verifierAddress = makeKeyFile(join(verifierDir, 'verifier.key'))

  const devnet = await startDevnet({
    startSeconds: firstBar.timeSeconds - 3_600,
    startTick: firstBar.open,
    verifiers: [verifierAddress],
    threshold: 1,
    executor: executorAddress,
    treasury: TREASURY,
  })
  let verifier: Service | null = null
  try {
    const logKey = formatVkey(noteKey(nodeCrypto, LOG_ORIGIN, keys.log.publicKey))
    const usual = demoPolicy({
      chain: devnet.chain,
      logKey,
      agentKey: keys.agent.publicKeyHex,
      executor: executorAddress,
      strategies: [{ digest: strategy.bundle.digest, params: strategy.paramsDigest }, ...parameters.otherStrategies],
      models: strategy.models.map(m => m.identity),
      workers: [{ publicKey: keys.worker.publicKeyHex, operator: 'embedded' }, ...parameters.otherWorkers],
    })
    const policy = (await parameters.adjustPolicy?.(usual, devnet)) ?? usual
    const digest = policyDigest(policy)
    await devnet.setPolicy(digest)
    writeFileSync(join(verifierDir, 'policy.yaml'), stringify(policy))
    const tokenFile = join(keysDir, 'verifier.token')
    const token = parameters.otherClients === undefined ? null : makeTokenFile(tokenFile)
    const verifierToken = token === null ? null : readTokenFile(tokenFile)
    const config = {
      listen: { port: 0 },
      ...(token === null
        ? {}
        : { clients: [{ name: 'agent', sha256: token.sha256 }, ...(parameters.otherClients ?? [])] }),
      policy: 'policy.yaml',
      logKey,
      rpc: devnet.url,
      key: 'verifier.key',
      journal: 'journal',
      market: marketSource,
    }
    writeFileSync(join(verifierDir, 'verifier.yaml'), stringify(config))
    const service = await spawnWarrant(['verifier', '--config', join(verifierDir, 'verifier.yaml')])
    verifier = service

    let nowMs = decisionTimeMs(schedule, 0)
    const clock = {
      nowMs: () => nowMs,
      set(ms: number) {
        nowMs = ms
      },
    }
    const logDir = join(dir, 'log')
    const log = openLog({ dir: logDir, origin: LOG_ORIGIN, signer: keys.log, clock })
    const chain = createChainPort(devnet.url)
    const market: NonNullable<Run['market']> = {
      source: source.name,
      digest: source.digest,
      simulated: source.simulated,
      pair: { base: devnet.chain.tokens[1] as never, quote: devnet.chain.tokens[0] as never },
      intervalSeconds: schedule.intervalSeconds,
      window: schedule.window,
    }
    let runs = 0

    return {
      dir,
      logDir,
      keys,
      devnet,
      log,
      policy,
      market,
      schedule,
      verifier: service,
      verifierToken,
      clock,
      async run(runStrategy, options = {}) {
        const opened = await openRun({
          mode: 'devnet',
          log,
          keys,
          clock,
          seed,
          config: { origin: LOG_ORIGIN, market: source.name },
          strategy: runStrategy,
          market,
          chain: devnet.chain,
          policy: { digest, document: toJson(policy) },
          verifiers: [verifierAddress],
          executor: executorAddress,
          proofs: policy.proofs.map(({ anyOf }) => anyOf),
          gatewayChecks: true,
          requestIs: 'durable',
          ...options,
        })
        const verifierClient = createVerifierClient({
          url: service.ready.url as string,
          token: verifierToken,
          log,
          blobs: opened.blobs,
        })
        // The verifier sees the run at its start, and can prepare.
        await verifierClient.sync()
        const treasury = createTreasury({
          agent: AGENT,
          chain: devnet.chain,
          policyDigest: digest,
          validitySeconds: 600,
          threshold: 1,
          firstNonce: BigInt(runs++) << 64n,
          signer: keys.agent,
          logs: { agent: opened.appenders.agent, verifier: opened.appenders.verifier },
          putBlob: log.putBlob,
          verifiers: [verifierClient],
          executor: await createExecutor({ account, url: devnet.url, log: opened.appenders.executor }),
          chainTimeSeconds: async () => (await chain.head()).timestamp,
          // Between verdict and execution the market moves on to the next bar's open: a decision fills there.
          beforeExecution: tick => devnet.market.moveTo((schedule.bars[tick + schedule.window] as Bar).open),
        })
        const observe = createObserver({
          log: opened.appenders.market,
          schedule,
          source: source.name,
          balances: chainBalances(chain, devnet.chain),
        })
        return { opened, treasury, observe, verifierClient }
      },
      async moveMarketTo(tick) {
        const timeMs = decisionTimeMs(schedule, tick)
        nowMs = timeMs
        await devnet.client.setNextTimestamp(timeMs / 1_000)
        await devnet.market.moveTo((schedule.bars[tick + schedule.window - 1] as Bar).close)
      },
      async close() {
        await service.stop()
        await devnet.stop()
      },
    }
  } catch (error) {
    await verifier?.stop()
    await devnet.stop()
    throw error
  }
}

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { encodeFunctionData, type Hex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { runTick } from '#agents/cycle/runTick.ts'
import { createChainPort } from '#runtime/chain/createChainPort.ts'
import { createSafe, execAsOwners, SAFE_ABI } from '#runtime/chain/devnet/deploySafe.ts'
import { auditLog } from '#runtime/cli/lib/auditLog.ts'
import { listen } from '#runtime/cli/lib/serve.ts'
import { openEd25519Key } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { fixedProducers, serveLog } from '#runtime/log/serveLog.ts'
import { askWitness } from '#runtime/log/witnessClient.ts'
import { chainBalances, createObserver } from '#runtime/market/observer.ts'
import { createInProcessQueue } from '#runtime/queue/inProcessQueue.ts'
import { AGENT, type LoadedStrategy, loadStrategy, openRun } from '#runtime/run/openRun.ts'
import { spawnWarrant } from '#runtime/run/spawnWarrant.ts'
import { createRemoteWorker } from '#runtime/worker/remoteWorker.ts'
import { digestJson } from '#verifier/evidence/digest.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { CheckId, Verdict } from '#verifier/evidence/records/verdict.ts'
import { policyDigest } from '#verifier/policy/policy.ts'
import type { DemoRun, DemoWorld } from '../demoWorld.ts'
import type { ChangedCalldataDid } from './changedCalldata.ts'
import type { RewrittenLogDid } from './rewrittenLog.ts'
import type { SentToModule } from './sendToModule.ts'
import { spawnAttacker } from './spawnAttacker.ts'

/** Ticks of the schedule that the attacks may use after the demo's own decisions. */
export const ATTACK_TICKS = 12
const LIAR = 'worker-2'

export type Refusal = { attack: string; caughtBy: string; reason: string; caught: boolean }

/** A plugin that the owners were talked into listing: the limits, not the list, must hold then. */
export function loadGreedy(): Promise<LoadedStrategy> {
  const entry = [new URL('./greedy/index.ts', import.meta.url), new URL('./greedy/index.js', import.meta.url)]
    .map(url => fileURLToPath(url))
    .find(existsSync)
  return loadStrategy(entry as string)
}

/** A worker that is listed, and will lie. */
export function attackWorker(dir: string): { publicKey: string; operator: string } {
  return { publicKey: openEd25519Key(liarKey(dir)).publicKeyHex, operator: 'elsewhere' }
}

const liarKey = (dir: string) => join(dir, 'attacks', 'worker-2.key')
const seedOf = (file: string) => readFileSync(file, 'utf8').trim()

export type RunAttacksParameters = {
  world: DemoWorld
  /** The demo's own run, still open; this closes it. */
  run: DemoRun
  strategy: LoadedStrategy
  /** See loadGreedy. */
  greedy: LoadedStrategy
  firstTick: number
  decisions: number
}

/** The six attacks. Each runs in a process of its own, against the same devnet, log and verifier as the demo. */
export async function runAttacks(
  parameters: RunAttacksParameters,
): Promise<{ refusals: Refusal[]; proposals: number; denied: number }> {
  const { world, run, strategy, greedy, firstTick, decisions } = parameters
  const refusals: Refusal[] = []
  const counts = { proposals: 0, denied: 0 }
  const record = (attack: string, caughtBy: string, reason: string | null) =>
    refusals.push({ attack, caughtBy, reason: reason ?? 'NOT CAUGHT', caught: reason !== null })
  let tick = firstTick

  /** Runs ticks until one asks for a proposal, which every verifier must then deny by `check`. */
  async function deniedBy(
    check: CheckId,
    other: DemoRun,
    loaded: LoadedStrategy,
    ticks: number,
  ): Promise<string | null> {
    let reason: string | null = null
    let proposed = false
    let done = 0
    for (; done < ticks && !proposed; done++) {
      const at = tick++
      await world.moveMarketTo(at)
      await runTick(
        {
          agent: AGENT,
          crypto: nodeCrypto,
          log: other.opened.appenders.agent,
          strategy: loaded.sandboxed,
          identity: { strategy: loaded.bundle.digest, params: loaded.paramsDigest },
          observe: n => other.observe(at, n),
          infer: other.opened.gateway.infer,
          async settle(decision) {
            proposed = true
            counts.proposals++
            const verdicts = await other.treasury.judge(await other.treasury.propose(decision))
            if (verdicts.every(v => v.body.answer === 'deny')) counts.denied++
            reason = denialBy(
              check,
              verdicts.map(v => v.body),
            )
          },
          durable: true,
        },
        done,
      )
    }
    await other.opened.close('the attack ended', done)
    return reason
  }

  // 1. A worker that changes an output and signs it; nobody checks before the verifier does.
  const liar = openEd25519Key(liarKey(world.dir))
  const lying = await spawnAttacker<{ url: string }>('lyingWorker', { seed: seedOf(liarKey(world.dir)), id: LIAR })
  try {
    const remote = createRemoteWorker({
      url: lying.did.url,
      id: LIAR,
      publicKey: liar.publicKeyHex,
      operator: 'elsewhere',
    })
    const reason = await deniedBy(
      'proofs',
      await world.run(strategy, {
        inference: { queue: createInProcessQueue([remote]), workers: [remote] },
        gatewayChecks: false,
      }),
      strategy,
      4,
    )
    record('a worker changes an output and signs it', 'verifier, check proofs', reason)
  } finally {
    lying.stop()
  }

  // 2. A strategy that asks for more than the policy allows.
  const greedyDenied = await deniedBy('policy', await world.run(greedy), greedy, 4)
  record('a strategy asks for more than the policy allows', 'verifier, check policy', greedyDenied)

  // 3 and 4 need the log and the verifier as the outside sees them.
  const { devnet } = world
  const chain = createChainPort(devnet.url)
  const app = serveLog(
    world.log,
    fixedProducers(run.opened.run.record.runId, [
      { appender: run.opened.appenders.agent, publicKey: world.keys.agent.publicKeyHex },
    ]),
  )
  const logUrl = await listen(app, { host: '127.0.0.1', port: 0 })
  try {
    const ethKey = await fundedKey(world)
    const { did } = await spawnAttacker<ChangedCalldataDid>('changedCalldata', {
      agentSeed: seedOf(join(world.dir, 'keys', 'agent.key')),
      runId: run.opened.run.record.runId,
      ethKey,
      logUrl,
      verifierUrl: world.verifier.ready.url,
      verifierToken: world.verifierToken,
      rpc: devnet.url,
      chain: devnet.chain,
      policyDigest: policyDigest(world.policy),
      executor: world.policy.identities.executors[0]?.address,
      validUntil: (await chain.head()).timestamp + 600,
    })
    counts.proposals++
    const verdicts = await run.treasury.judge(did.proposal)
    if (verdicts.every(v => v.body.answer === 'deny')) counts.denied++
    const denial = denialBy('calldata', [did.verdict])
    const both =
      denial !== null && did.sent.status === 'reverted'
        ? `${denial}; sent without a verdict it reverts: ${did.sent.reason}`
        : null
    record('a proposal pays somebody else than its decision says', 'verifier, check calldata; then the module', both)

    const stranger = await spawnAttacker<SentToModule>('strangerVerdict', {
      ethKey: await fundedKey(world),
      rpc: devnet.url,
      chain: devnet.chain,
      policyDigest: policyDigest(world.policy),
    })
    record(
      'a stranger signs a verdict and sends it to the module',
      'WarrantModule',
      stranger.did.status === 'reverted' ? `reverts: ${stranger.did.reason}` : null,
    )
  } finally {
    await app.close()
  }
  await run.opened.close('the demo ended', decisions)

  record('dollars leave a second Safe past every log', 'audit', await unexplained(parameters))
  record("the log is rewritten and signed anew with the log's key", 'witness', await rewritten(parameters))
  return { refusals, ...counts }
}

/** Why `check` denied, when every verdict is a denial and it is among the checks that failed. */
function denialBy(check: CheckId, verdicts: readonly Verdict[]): string | null {
  const [first] = verdicts
  if (first === undefined || verdicts.some(v => v.answer !== 'deny')) return null
  const result = first.checks.find(c => c.id === check)
  return result?.ok === false ? result.detail : null
}

async function fundedKey(world: DemoWorld): Promise<Hex> {
  const key = generatePrivateKey()
  await world.devnet.client.setBalance(privateKeyToAccount(key).address, 10n ** 19n)
  return key
}

/** 5. A second treasury, with a module that nobody guards; its audit must find what the log does not explain. */
async function unexplained({ world, strategy }: RunAttacksParameters): Promise<string | null> {
  const { devnet } = world
  const { client, deployer, safeContracts, owners, market } = devnet
  const safe = await createSafe(client, deployer, safeContracts, {
    owners: owners.map(o => o.address),
    threshold: 2,
    salt: 2n,
  })
  await market.mintDollars(safe, 50_000n * 10n ** 6n)
  const ethKey = await fundedKey(world)
  const enable = encodeFunctionData({
    abi: SAFE_ABI,
    functionName: 'enableModule',
    args: [privateKeyToAccount(ethKey).address],
  })
  await execAsOwners(client, owners.slice(0, 2), safe, safe, enable)

  const dir = join(world.dir, 'attacks', 'second-treasury')
  const log = openLog({ dir, origin: 'warrant.example/second', signer: world.keys.log, clock: world.clock })
  const identity = { ...devnet.chain, safe, guard: null }
  const opened = await openRun({
    mode: 'devnet',
    log,
    keys: world.keys,
    clock: world.clock,
    seed: 'second',
    config: {},
    strategy,
    market: world.market,
    chain: identity,
    policy: { digest: digestJson('policy', { none: true }), document: { none: true } },
    verifiers: [],
    executor: null,
    proofs: [[['replay']]],
    requestIs: 'durable',
  })
  const observe = createObserver({
    log: opened.appenders.market,
    schedule: world.schedule,
    source: world.market.source,
    balances: chainBalances(createChainPort(devnet.url), identity),
  })
  await observe(0)
  await spawnAttacker<SentToModule>('unexplainedOutflow', {
    ethKey,
    rpc: devnet.url,
    chainId: identity.chainId,
    safe,
    token: market.dollar,
    amount: String(20_000n * 10n ** 6n),
  })
  await opened.close('one look at a treasury', 0)
  await log.close()
  const report = await auditLog({ dir, rpc: devnet.url, vkey: log.vkey })
  return report.unexplained[0]?.reason ?? null
}

/** 6. The witness cosigns the true log, then is shown another one of the same size, signed with the log's key. */
async function rewritten({ world }: RunAttacksParameters): Promise<string | null> {
  const dir = join(world.dir, 'attacks')
  const witness = await spawnWarrant([
    'witness',
    '--key',
    join(dir, 'witness.key'),
    '--state',
    join(dir, 'witness.state'),
    '--log',
    world.log.vkey,
  ])
  try {
    const url = witness.ready.url as string
    await world.log.publish()
    const note = await world.log.checkpoint()
    const honest = await askWitness(url, { old: 0, proof: [], note })
    if (honest.status !== 200) throw new WarrantError('REFUSED', `the witness refused the true log: ${honest.body}`)
    const { did } = await spawnAttacker<RewrittenLogDid>('rewrittenLog', {
      logSeed: seedOf(join(world.dir, 'keys', 'log.key')),
      logDir: world.logDir,
      copyDir: join(dir, 'rewritten-log'),
      witnessUrl: url,
    })
    return did.status === 409 || did.status === 422
      ? `${did.status}: ${did.body.trim()}; the copy hashes and signs correctly by itself`
      : null
  } finally {
    await witness.stop()
  }
}

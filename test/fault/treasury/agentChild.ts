// The agent's process that the crash suite kills: recovers what the life before it left, then decides, proposes and
// executes tick by tick, until it is killed at the step that it was told.
import { join } from 'node:path'
import { runTick } from '#agents/cycle/runTick.ts'
import { createVerifierClient } from '#runtime/api/verifierClient.ts'
import { createChainPort } from '#runtime/chain/createChainPort.ts'
import { createTreasury } from '#runtime/chain/createTreasury.ts'
import { createExecutor } from '#runtime/chain/executor.ts'
import { openExecutorKey } from '#runtime/chain/signer.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { LOG_ORIGIN } from '#runtime/demo/demoWorld.ts'
import { type Log, openLog } from '#runtime/log/openLog.ts'
import { scheduleOf } from '#runtime/market/bars.ts'
import { chainBalances, createObserver } from '#runtime/market/observer.ts'
import { openSource } from '#runtime/market/openSource.ts'
import { AGENT, loadStrategy, openRun, openRunKeys } from '#runtime/run/openRun.ts'
import { recoverRuns } from '#runtime/run/recoverRuns.ts'
import { toJson } from '#verifier/evidence/canonical.ts'
import type { Appender, Author, RunLog } from '#verifier/evidence/ports/log.ts'
import { policyDigest } from '#verifier/policy/policy.ts'
import type { Ask, Life, Told } from './protocol.ts'

const told = () => new Promise<Told>(resolve => process.once('message', resolve))
async function ask(question: Ask): Promise<number> {
  const answer = told()
  process.send?.(question)
  const { type, ...rest } = await answer
  return type === 'go' ? (rest as { nowMs: number }).nowMs : 0
}

const life = (await told()) as Life
let steps = 0
/** One more step; the process may end here, without a word to anybody. */
function step(): void {
  steps++
  if (steps === life.killAt) process.kill(process.pid, 'SIGKILL')
}

const plainFetch = globalThis.fetch
globalThis.fetch = async (...args) => {
  step()
  const response = await plainFetch(...args)
  step()
  return response
}

/** The log with every append counted as a step, and its durability as another. */
function watched(log: Log): Log {
  const watchedRun = (run: RunLog): RunLog => ({
    ...run,
    appender(actor) {
      const appender = run.appender(actor)
      const append: Appender['append'] = (...args) => {
        const appended = appender.append(...args)
        step()
        appended.durable.then(step, () => {})
        return appended
      }
      return { ...appender, append }
    },
  })
  return Object.defineProperties(
    {},
    {
      ...Object.getOwnPropertyDescriptors(log),
      startRun: { value: (author?: Author) => watchedRun(log.startRun(author)) },
      resumeRun: { value: (id: string, seq: number, author?: Author) => watchedRun(log.resumeRun(id, seq, author)) },
    },
  ) as Log
}

let nowMs = 1_700_000_000_000
const keysDir = join(life.dir, 'keys')
const keys = openRunKeys(keysDir)
const log = watched(
  openLog({ dir: join(life.dir, 'log'), origin: LOG_ORIGIN, signer: keys.log, clock: { nowMs: () => nowMs } }),
)
await recoverRuns({
  log,
  author: keys.agent,
  treasury: { rpc: life.rpc, verifiers: [{ url: life.verifier, token: null }] },
})

const strategy = await loadStrategy(life.entry)
const source = openSource({ simulated: { seed: life.seed, minutes: life.minutes } })
const { intervalSeconds, window } = strategy.sandboxed.manifest.market
// A run counts its own ticks: this one starts where the last life ended.
const whole = scheduleOf(source, { intervalSeconds, window, decisions: life.decisions })
const schedule = { ...whole, bars: whole.bars.slice(life.fromTick), ticks: whole.ticks - life.fromTick }
const account = openExecutorKey(join(keysDir, 'executor.key'))
const chain = createChainPort(life.rpc)
const [quote, base] = life.chain.tokens
if (quote === undefined || base === undefined) throw new Error('two tokens')
const opened = await openRun({
  mode: 'devnet',
  log,
  keys,
  clock: { nowMs: () => nowMs },
  seed: life.seed,
  config: {},
  strategy,
  market: {
    source: source.name,
    digest: source.digest,
    simulated: source.simulated,
    pair: { base, quote },
    intervalSeconds,
    window,
  },
  chain: life.chain,
  policy: { digest: policyDigest(life.policy), document: toJson(life.policy) },
  verifiers: [life.verifierAddress],
  executor: account.address.toLowerCase(),
  proofs: life.policy.proofs.map(({ anyOf }) => anyOf),
  requestIs: 'durable',
})
const treasury = createTreasury({
  agent: AGENT,
  chain: life.chain,
  policyDigest: policyDigest(life.policy),
  validitySeconds: 600,
  threshold: 1,
  firstNonce: (BigInt(life.fromTick + 1) << 64n) + BigInt(process.pid),
  signer: keys.agent,
  logs: { agent: opened.appenders.agent, verifier: opened.appenders.verifier },
  putBlob: log.putBlob,
  verifiers: [createVerifierClient({ url: life.verifier, log, blobs: opened.blobs })],
  executor: await createExecutor({ account, url: life.rpc, log: opened.appenders.executor }),
  chainTimeSeconds: async () => (await chain.head()).timestamp,
  beforeExecution: async tick => void (await ask({ type: 'execution', tick: life.fromTick + tick })),
})
const observe = createObserver({
  log: opened.appenders.market,
  schedule,
  source: source.name,
  balances: chainBalances(chain, life.chain),
})
let decisions = 0
for (let tick = 0; tick <= life.lastTick - life.fromTick; tick++) {
  nowMs = await ask({ type: 'tick', tick: life.fromTick + tick })
  await runTick(
    {
      agent: AGENT,
      crypto: nodeCrypto,
      log: opened.appenders.agent,
      strategy: strategy.sandboxed,
      identity: { strategy: strategy.bundle.digest, params: strategy.paramsDigest },
      observe,
      infer: opened.gateway.infer,
      settle: async (decision, at) => void (await treasury.settle(decision, at)),
      durable: true,
    },
    tick,
  )
  decisions++
  await ask({ type: 'done', tick: life.fromTick + tick, steps })
}
await opened.close('all ticks are done', decisions)
await log.close()
await strategy.sandboxed.close()
process.exit(0)

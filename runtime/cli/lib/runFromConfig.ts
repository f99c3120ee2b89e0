import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { runTick } from '#agents/cycle/runTick.ts'
import { loadConfig } from '#config/loadConfig.ts'
import { readPolicy } from '#config/readPolicy.ts'
import { type RunConfig, runConfig } from '#config/runConfig.ts'
import { readTokenFile } from '#runtime/api/tokenFile.ts'
import { createVerifierClient } from '#runtime/api/verifierClient.ts'
import { runBacktest } from '#runtime/backtest/runBacktest.ts'
import { createApprovalDesk, requestFile } from '#runtime/chain/approvalDesk.ts'
import { createChainPort } from '#runtime/chain/createChainPort.ts'
import { createTreasury, type Settlement } from '#runtime/chain/createTreasury.ts'
import { createExecutor } from '#runtime/chain/executor.ts'
import { createGasBudget } from '#runtime/chain/gasBudget.ts'
import { moduleRoles } from '#runtime/chain/moduleRoles.ts'
import { readVerifiers } from '#runtime/chain/readVerifiers.ts'
import { openSigner } from '#runtime/chain/signer.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { createCosigner } from '#runtime/log/cosigner.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { decisionTimeMs, scheduleOf } from '#runtime/market/bars.ts'
import { openLiveSchedule } from '#runtime/market/liveSchedule.ts'
import type { MinuteSource } from '#runtime/market/minutes.ts'
import { chainBalances, createObserver } from '#runtime/market/observer.ts'
import { openSource } from '#runtime/market/openSource.ts'
import { createSwapFeed } from '#runtime/market/swapFeed.ts'
import { createBullQueue } from '#runtime/queue/bullQueue.ts'
import { createPeople } from '#runtime/run/createPeople.ts'
import { createWaitingRoom } from '#runtime/run/createWaitingRoom.ts'
import { gasPaid } from '#runtime/run/gasPaid.ts'
import { meetVerifiers } from '#runtime/run/meetVerifiers.ts'
import { AGENT, type LoadedStrategy, loadStrategy, openRun, openRunKeys, strategyEntry } from '#runtime/run/openRun.ts'
import { postAlarm } from '#runtime/run/postAlarm.ts'
import { type Recoverer, recoverRuns } from '#runtime/run/recoverRuns.ts'
import { createRefusals, type RefusalCount } from '#runtime/run/refusals.ts'
import { valueAtRiskUsd } from '#verifier/effects/valueAtRisk.ts'
import { toJson } from '#verifier/evidence/canonical.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Appender } from '#verifier/evidence/ports/log.ts'
import type { BlobRef } from '#verifier/evidence/primitives.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import { reasonText } from '#verifier/evidence/reasonText.ts'
import type { Proposal } from '#verifier/evidence/records/proposal.ts'
import { gasCeilingOf } from '#verifier/policy/gasCeiling.ts'
import { type Policy, policyDigest } from '#verifier/policy/policy.ts'
import { requireOwnRoles } from '#verifier/policy/roles.ts'
import { rolesOf } from '#verifier/policy/rolesOf.ts'
import { newDirectory } from './backtest.ts'
import { readQuorum } from './readQuorum.ts'

export type RunReport = {
  mode: 'paper' | 'live'
  decisions: number
  holds: number
  missed: number
  trades: number
  /** What verifiers approved and was not sent, by reason. */
  refused: RefusalCount[]
  ended: string
  log: { dir: string; vkey: string; size: number; root: string }
}
type Listener = { say(line: string): void; onTick(done: number, total: number): void }

/** Runs a configuration until its data or a signal ends it. @throws BAD_CONFIG, BAD_INPUT, BAD_DATA, UNREACHABLE */
export async function runFromConfig(file: string, live: boolean, listener: Listener): Promise<RunReport> {
  const config = loadConfig(file, runConfig)
  const path = (name: string) => resolve(dirname(file), name)
  if (live && config.treasury === undefined)
    throw new WarrantError(
      'BAD_CONFIG',
      `${file}: treasury: --live needs one: rpc, policy, verifiers, threshold, executorKey, logOrigin`,
    )
  const { market } = config
  if ('swaps' in market && !live)
    throw new WarrantError('BAD_CONFIG', `${file}: market.swaps: on paper a market needs data, or the simulation`)
  if (config.inference !== undefined && !live)
    throw new WarrantError('BAD_CONFIG', `${file}: inference: with --live only: on paper models run in this process`)
  const source = 'swaps' in market ? null : openSource('data' in market ? { data: path(market.data) } : market)
  const entry = strategyEntry(config.strategy)
  // A live run goes on in its own log: what its last process left is brought to its end first.
  const dir = live ? ownDirectory(path(config.out)) : newDirectory(path(config.out))
  const strategy = await loadStrategy(entry === config.strategy ? path(entry) : entry, config.params)
  const stop = { reason: null as string | null }
  const onSignal = (signal: NodeJS.Signals) => {
    stop.reason = signal
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  try {
    return live
      ? await runLive({ config, path, source, dir, strategy, stop, listener })
      : await runPaper({ config, source: source as MinuteSource, dir, strategy, stop, listener })
  } finally {
    process.off('SIGTERM', onSignal)
    process.off('SIGINT', onSignal)
    await strategy.sandboxed.close()
  }
}

/** What a proposal is brought to its end with: of this run, or of one before that waits. */
type Heirs = Record<'agent' | 'approver' | 'verifier' | 'executor', Appender>

type Setting = {
  config: RunConfig
  source: MinuteSource
  dir: string
  strategy: LoadedStrategy
  stop: { reason: string | null }
  listener: Listener
}

function marketClock() {
  let nowMs = 0
  return {
    nowMs: () => nowMs,
    set(ms: number) {
      nowMs = ms
    },
  }
}

async function runPaper({ config, source, dir, strategy, stop, listener }: Setting): Promise<RunReport> {
  const { intervalSeconds, window } = strategy.sandboxed.manifest.market
  const schedule = scheduleOf(source, { intervalSeconds, window, decisions: config.decisions ?? null })
  const clock = marketClock()
  const keys = openRunKeys(join(dir, 'keys'))
  const log = openLog({
    dir: join(dir, 'log'),
    origin: 'warrant.example/paper',
    signer: keys.log,
    clock,
    publishEveryMs: 1_000,
  })
  listener.say(`paper on ${source.name}${source.simulated ? ' (simulated)' : ''}: no transaction is made`)
  const result = await runBacktest({
    ...{
      log,
      keys,
      clock,
      mode: 'paper',
      strategy,
      source,
      schedule,
      feePips: Math.round(config.feeBps * 100),
      seed: config.seed,
    },
    onTick: done => listener.onTick(done, schedule.ticks),
    pace: async () => {
      if (config.paceMs > 0) await interruptible(config.paceMs, stop)
      return stop.reason === null
    },
  })
  await log.close()
  const { decisions, holds, missed, trades } = result
  return {
    mode: 'paper',
    decisions,
    holds,
    missed,
    trades,
    refused: [],
    ended: stop.reason ?? 'the data ended',
    log: { dir: join(dir, 'log'), vkey: log.vkey, size: log.size, root: log.root },
  }
}

async function runLive({
  config,
  path,
  source,
  dir,
  strategy,
  stop,
  listener,
}: Omit<Setting, 'source'> & { source: MinuteSource | null; path(name: string): string }): Promise<RunReport> {
  const { treasury: wanted } = config
  if (wanted === undefined) throw new WarrantError('BAD_CONFIG', 'treasury is missing')
  const policy: Policy = readPolicy(path(wanted.policy), wanted.policy)
  const [market] = policy.uniswapV3
  const [v2] = policy.uniswapV2 ?? []
  if (market === undefined) throw new WarrantError('BAD_CONFIG', `${wanted.policy}: uniswapV3: a live run needs a pool`)
  const chain = createChainPort(wanted.rpc)
  const chainId = await chain.chainId()
  if (chainId !== policy.chainId)
    throw new WarrantError('BAD_CONFIG', `${wanted.rpc} is chain ${chainId}, ${wanted.policy} is for ${policy.chainId}`)
  const { intervalSeconds, window, pair } = strategy.sandboxed.manifest.market
  const wantedTicks = { intervalSeconds, window, decisions: config.decisions ?? null }
  const feed = 'swaps' in config.market ? createSwapFeed(chain, chainId, config.market.swaps.pool) : null
  const onChain = feed === null ? null : await openLiveSchedule(feed, chain, wantedTicks)
  const schedule = onChain?.schedule ?? scheduleOf(source as MinuteSource, wantedTicks)
  const marketSource = feed ?? (source as MinuteSource)
  const clock = { nowMs: () => Date.now() }
  const keys = openRunKeys(join(dir, 'keys'))
  const account = await openSigner(wanted.executorKey, path('.'))
  const { inference } = config
  const queue = inference === undefined ? null : await createBullQueue({ url: inference.redis })
  const witnesses = wanted.quorum === undefined ? null : readQuorum(path(wanted.quorum))
  let onWitness = (name: string, reason: string | null) =>
    listener.say(reason === null ? `witness ${name} cosigns again` : `witness ${name} does not cosign: ${reason}`)
  const log = openLog({
    dir: join(dir, 'log'),
    origin: wanted.logOrigin,
    signer: keys.log,
    clock,
    cosigner:
      witnesses === null ? null : createCosigner(witnesses, { onChange: (name, reason) => onWitness(name, reason) }),
    publishEveryMs: 1_000,
  })
  const tokens = policy.tokens.map(({ symbol, address, decimals }) => ({ symbol, address, decimals }))
  const identity = {
    ...{ chainId, safe: policy.safe, module: policy.module, guard: wanted.guard, router: market.router, tokens },
    pool: { address: market.pool, token0: market.token0, token1: market.token1, feePips: market.feePips },
    ...(market.positions === undefined ? {} : { positions: market.positions }),
    ...(v2 === undefined ? {} : { uniswapV2: { router: v2.router, pair: v2.pair } }),
  }
  const token = (symbol: string) => {
    const found = tokens.find(t => t.symbol === symbol)
    if (found === undefined)
      throw new WarrantError(
        'BAD_CONFIG',
        `${wanted.policy}: tokens: the strategy trades ${symbol}, which is not listed`,
      )
    return found
  }
  const accepted = () => readVerifiers(chain, policy.module)
  const verifiersAt = wanted.verifiers.map(({ url, token }) => ({
    url,
    token: token === null ? null : readTokenFile(path(token)),
  }))
  const present = await meetVerifiers(verifiersAt, wanted.threshold, listener.say)
  requireOwnRoles([
    ...rolesOf(policy),
    { role: 'executor', address: account.address, where: 'treasury.executorKey' },
    ...present.map(address => ({ role: 'verifier' as const, address, where: 'treasury.verifiers' })),
    ...(await moduleRoles(wanted.rpc, policy.module)),
  ])
  const chainTimeSeconds = async () => (await chain.head()).timestamp
  const { aboveUsd } = policy.approvals
  if (aboveUsd !== null && wanted.approvals === undefined)
    throw new WarrantError('BAD_CONFIG', `treasury.approvals is missing: the policy asks people above ${aboveUsd} USD`)
  const approvalsDir = wanted.approvals === undefined ? null : path(wanted.approvals.dir)
  const abandons: Recoverer['abandons'] = async (run, proposal) => {
    if (run.body.policy.digest !== policyDigest(policy)) return 'the policy is another one since'
    if (proposal.executor !== account.address.toLowerCase()) return 'the executor is another one since'
    const left = proposal.validUntil - (await chainTimeSeconds())
    const file = approvalsDir === null ? null : requestFile(approvalsDir, proposalDigest(proposal))
    const wasAsked = file !== null && (existsSync(file) || left > policy.limits.maxValiditySeconds)
    return wasAsked && left > 0
      ? null
      : `the process ended before it was submitted; it expires at ${proposal.validUntil}`
  }
  const recovered = await recoverRuns({
    log,
    author: keys.agent,
    pastAuthors: keys.pastAgents ?? [],
    treasury: { rpc: wanted.rpc, verifiers: verifiersAt, confirmations: wanted.confirmations, abandons },
  })
  for (const { requests, missed, submissions, abandoned, waiting } of recovered)
    listener.say(
      `recovered a run that was cut off: ${requests} requests without an answer, ${missed} ticks missed, ${submissions} submissions brought to their outcome, ${abandoned} abandoned${waiting === null ? '' : ', one that waits for people taken up'}`,
    )
  const paid = await gasPaid(log, clock.nowMs() - 86_400_000)
  const budget = createGasBudget({ ceiling: gasCeilingOf(policy), paid, nowMs: clock.nowMs })
  const opened = await openRun({
    ...{
      mode: 'live',
      log,
      keys,
      clock,
      seed: config.seed,
      config: { market: marketSource.name },
      strategy,
      chain: identity,
    },
    market: {
      source: marketSource.name,
      digest: marketSource.digest,
      simulated: source?.simulated === true,
      pair: { base: token(pair.base), quote: token(pair.quote) },
      intervalSeconds,
      window,
    },
    policy: { digest: policyDigest(policy), document: toJson(policy) },
    // Those of the module count, whoever is there now; those that are asked may become its own.
    verifiers: [...new Set([...(await accepted()).verifiers, ...present])],
    executor: account.address.toLowerCase(),
    proofs: policy.proofs.map(({ anyOf }) => anyOf),
    gatewayChecks: true,
    requestIs: 'durable',
    ...(inference === undefined || queue === null
      ? {}
      : {
          inference: {
            queue,
            workers: inference.workers,
            attested: inference.workers.every(({ attested }) => attested),
            timeoutMs: inference.timeoutMs,
          },
        }),
  })
  const tell = onWitness
  onWitness = (name, reason) => {
    tell(name, reason)
    const what = reason === null ? 'a witness cosigns again' : 'a witness does not cosign'
    const said = reasonText(`${name}: ${reason ?? 'it answers'}`)
    opened.appenders.runtime.append('incident', {
      what,
      caughtBy: 'runtime',
      reason: said,
      evidence: { witness: name },
    })
  }
  /** The tick under way: prices are those of its last close. */
  let now = 0
  const priceTick = () => schedule.bars[now + schedule.window - 1]?.close ?? null
  /** Unknown counts as more than anything. */
  const worthOf = ({ calls }: Proposal): number => {
    const close = priceTick()
    return (close === null ? null : valueAtRiskUsd(policy, calls, close)) ?? Number.MAX_SAFE_INTEGER
  }
  const room = createWaitingRoom(() => {
    stop.reason ??= 'an error'
  })
  let onAsked = (_reason: string): void => {}
  const treasuryOf = async (appenders: Heirs, blobs: readonly BlobRef[]) =>
    createTreasury({
      ...{
        agent: AGENT,
        chain: identity,
        policyDigest: policyDigest(policy),
        threshold: wanted.threshold,
        signer: keys.agent,
      },
      validitySeconds: Math.min(600, policy.limits.maxValiditySeconds),
      firstNonce: BigInt(Date.now()) << 64n,
      logs: { agent: appenders.agent, verifier: appenders.verifier },
      putBlob: log.putBlob,
      verifiers: verifiersAt.map(at => createVerifierClient({ ...at, log, blobs })),
      executor: await createExecutor({
        ...{ account, url: wanted.rpc, log: appenders.executor, confirmations: wanted.confirmations },
        stuckMs: 1_000 * wanted.stuckSeconds,
        budget,
        tokens,
      }),
      chainTimeSeconds,
      expiry: {
        timeOf: async number => (await chain.block(number))?.timestamp ?? 0,
        async past(seconds) {
          for (;;) {
            const { number } = await chain.head()
            const final = await chain.block(Math.max(0, number - wanted.confirmations + 1))
            if (final !== null && final.timestamp > seconds) return true
            if (stop.reason !== null) return false
            await interruptible(1_000, stop)
          }
        },
      },
      refBlock: async () => (await chain.head()).number,
      accepted,
      patience: { deadlineMs: 1_000 * wanted.answerWithinSeconds },
      thresholdFor(proposal) {
        const bands = (policy.verifiers ?? []).filter(band => worthOf(proposal.body) > band.aboveUsd)
        return Math.max(0, ...bands.map(({ threshold }) => threshold))
      },
      ...(approvalsDir === null
        ? {}
        : {
            people: createPeople({
              ...{ policy, chain, priceTick, worthOf, isStopped: () => stop.reason !== null },
              desk: createApprovalDesk({
                ...{ dir: approvalsDir, policy, log: appenders.approver, chain },
                say: listener.say,
              }),
              waitSeconds: wanted.approvals?.waitSeconds ?? null,
              onAsked: reason => onAsked(reason),
            }),
          }),
    })
  const treasury = await treasuryOf(opened.appenders, opened.blobs)
  const observe = createObserver({
    log: opened.appenders.market,
    schedule,
    source: marketSource.name,
    balances: chainBalances(chain, identity),
  })
  const counts = { decisions: 0, holds: 0, missed: 0, trades: 0 }
  const refusals = createRefusals({
    say: listener.say,
    alarm(line) {
      listener.say(line)
      opened.appenders.executor.append('incident', {
        what: 'approved transactions are not sent',
        caughtBy: 'executor',
        reason: line.slice(0, 2_000),
        evidence: null,
      })
      if (wanted.webhook !== undefined)
        void postAlarm(wanted.webhook, { safe: policy.safe, chainId, alarm: line }).catch((error: unknown) =>
          listener.say(`the alarm did not reach ${new URL(wanted.webhook ?? '').origin}: ${reasonOf(error)}`),
        )
    },
  })
  function report({ outcome, verdicts, refused }: Settlement): void {
    if (outcome?.status === 'success') counts.trades++
    if (outcome?.status === 'reverted')
      listener.say(`REVERTED on chain, though the node had said it would not: ${outcome.transactionHash}`)
    if (outcome !== null) refusals.sent()
    if (refused !== undefined) refusals.take(refused)
    for (const { answer, checks } of verdicts) {
      if (answer === 'deny')
        listener.say(
          `denied: ${checks
            .filter(c => c.ok !== true)
            .map(c => `${c.id}: ${c.detail}`)
            .join('; ')}`,
        )
    }
  }
  /** Whether this run's proposal waits for people still when the process ends. */
  let isLeft = false
  listener.say(
    `LIVE on chain ${chainId}, Safe ${policy.safe}: ${wanted.threshold} of ${wanted.verifiers.length} verifiers must approve each transaction`,
  )
  for (const { waiting } of recovered) {
    if (waiting === null) continue
    const heir = await treasuryOf(waiting.appenders, waiting.blobs)
    await room.enter(async waits => {
      onAsked = waits
      const settled = await heir.takeUp(waiting, now)
      report(settled)
      if (settled.waits !== true) await waiting.close()
      else listener.say('a proposal of an earlier run waits for people still: start again to go on')
    })
  }
  for (let tick = 0; tick < schedule.ticks && stop.reason === null; tick++) {
    now = tick
    // A bar that ends in the future is waited for; one that ended long ago fails the verifier's freshness check.
    if (onChain === null) await interruptible(decisionTimeMs(schedule, tick) - Date.now(), stop)
    else await onChain.next(stop)
    if (stop.reason !== null) break
    const { result } = await runTick(
      {
        ...{
          agent: AGENT,
          crypto: nodeCrypto,
          log: opened.appenders.agent,
          strategy: strategy.sandboxed,
          durable: true,
          observe,
        },
        identity: { strategy: strategy.bundle.digest, params: strategy.paramsDigest },
        infer: opened.gateway.infer,
        blocked: room.blocked,
        settle: (decision, at) =>
          room.enter(async waits => {
            onAsked = waits
            const settled = await treasury.settle(decision, at)
            report(settled)
            isLeft ||= settled.waits === true
          }),
      },
      tick,
    )
    counts.decisions++
    if (result.type === 'hold') counts.holds++
    if (result.type === 'missed') counts.missed++
    listener.onTick(counts.decisions, schedule.ticks)
    if (config.paceMs > 0) await interruptible(config.paceMs, stop)
  }
  await room.emptied()
  if (isLeft) {
    listener.say('a proposal waits for people still: start again to go on')
    await opened.leave()
  } else await opened.close(stop.reason ?? 'the data ended', counts.decisions)
  await log.close()
  return {
    mode: 'live',
    ...counts,
    refused: refusals.counts(),
    ended: stop.reason ?? 'the data ended',
    log: { dir: join(dir, 'log'), vkey: log.vkey, size: log.size, root: log.root },
  }
}

/** A directory that is new, or holds a run of before. @throws BAD_INPUT */
function ownDirectory(dir: string): string {
  return existsSync(join(dir, 'log')) && existsSync(join(dir, 'keys', 'log.key')) ? dir : newDirectory(dir)
}

/** Waits, but not longer than until the run is told to stop. */
async function interruptible(ms: number, stop: { reason: string | null }): Promise<void> {
  const until = Date.now() + ms
  while (stop.reason === null && Date.now() < until)
    await new Promise(resolve => setTimeout(resolve, Math.min(100, until - Date.now())))
}

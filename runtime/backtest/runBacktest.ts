import { type CyclePorts, runTick } from '#agents/cycle/runTick.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import type { Log } from '#runtime/log/openLog.ts'
import { decisionTimeMs, type Schedule } from '#runtime/market/bars.ts'
import type { MinuteSource } from '#runtime/market/minutes.ts'
import { createObserver } from '#runtime/market/observer.ts'
import { AGENT, type LoadedStrategy, openRun, type RunKeys } from '#runtime/run/openRun.ts'
import { canonicalize } from '#verifier/evidence/canonical.ts'
import { digestJson } from '#verifier/evidence/digest.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { Appended } from '#verifier/evidence/ports/log.ts'
import type { Decision, DecisionResult, LogLine } from '#verifier/evidence/records/decision.ts'
import type { Fill } from '#verifier/evidence/records/fill.ts'
import { createPaperTreasury, PAPER_LIQUIDITY, type PaperFill, startBalances } from './paperTreasury.ts'
import type { ScoutStep } from './scout/messages.ts'
import type { ScoutedRun } from './scout/scoutedRun.ts'
import { type BacktestResult, createTally } from './tally.ts'

/** Ticks whose evidence is made together. */
const TOGETHER = 64
const NO_ADDRESS = `0x${'00'.repeat(20)}`

export type RunBacktestParameters = {
  log: Log
  keys: RunKeys
  clock: { nowMs(): number; set(ms: number): void }
  mode: 'backtest' | 'paper'
  strategy: LoadedStrategy
  source: MinuteSource
  schedule: Schedule
  feePips: number
  seed: string
  /** A strategy that runs ahead of its evidence: `strategy` then is what it decided. */
  ahead?: ScoutedRun
  /** More missed ticks than that end the run. */
  maxMissed?: number
  onTick?(done: number): void
  /** What the strategy logs at a tick. */
  onLog?(tick: number, lines: readonly LogLine[]): void
  /** Before each tick: false ends the run in order. */
  pace?(): Promise<boolean>
}

/**
 * Runs a strategy over market data with the same cycle, gateway, sandbox and log as live: a decision at a bar's close
 * fills at the next bar's open, in a pool with real Uniswap v3 arithmetic, fee and price impact included.
 */
export async function runBacktest(parameters: RunBacktestParameters): Promise<BacktestResult> {
  const { log, keys, clock, mode, strategy, source, schedule, feePips, seed, ahead, onTick, maxMissed } = parameters
  const { pair } = strategy.sandboxed.manifest.market
  const opened = await openRun({
    mode,
    log,
    keys,
    clock,
    seed,
    config: { feePips, liquidity: String(PAPER_LIQUIDITY) },
    strategy,
    market: {
      source: source.name,
      digest: source.digest,
      simulated: source.simulated,
      pair: {
        base: { symbol: pair.base, address: NO_ADDRESS, decimals: 18 },
        quote: { symbol: pair.quote, address: NO_ADDRESS, decimals: 6 },
      },
      intervalSeconds: schedule.intervalSeconds,
      window: schedule.window,
    },
    chain: null,
    policy: { digest: digestJson('policy', { treasury: null }), document: { treasury: null } },
    verifiers: [],
    executor: null,
    proofs: [[['replay']]],
    requestIs: 'ordered',
    ...(ahead === undefined ? {} : { engine: ahead.engine }),
  })
  const start = startBalances(pair)
  const treasury = createPaperTreasury({ schedule, pair, feePips, balances: start })
  const observe = createObserver({
    log: opened.appenders.market,
    schedule,
    source: source.name,
    balances: async () => ({ balances: treasury.balances(), chain: null }),
  })
  const tally = createTally({ schedule, pair, feePips, start })
  const { result } = tally
  const fills = new Map<number, PaperFill>()
  const recorded = new Map<number, Fill>()
  let isFailing = false

  /** What a decision does to the treasury. */
  function fillAt(tick: number, decided: DecisionResult): void {
    if (decided.type === 'intents') fills.set(tick, treasury.fill(tick, decided))
  }

  /** What the log says of a tick. */
  function tell(tick: number, decision: Appended): void {
    tally.take(tick, decision.record.body as Decision, recorded.get(tick) ?? null)
    recorded.delete(tick)
    if (maxMissed !== undefined && result.missed > maxMissed) isFailing = true
    onTick?.(tick + 1)
  }

  const cycle: CyclePorts = {
    agent: AGENT,
    crypto: nodeCrypto,
    log: opened.appenders.agent,
    strategy: strategy.sandboxed,
    identity: { strategy: strategy.bundle.digest, params: strategy.paramsDigest },
    observe,
    infer: opened.gateway.infer,
    async settle(decision, tick) {
      if (ahead === undefined) fillAt(tick, (decision.record.body as Decision).result)
      const fill = fills.get(tick)
      fills.delete(tick)
      if (fill === undefined) return
      const body: Fill = {
        decision: decision.leafHash,
        status: fill.reason === null ? 'success' : 'reverted',
        reason: fill.reason,
        changes: Object.fromEntries(Object.entries(fill.changes).map(([symbol, change]) => [symbol, String(change)])),
      }
      opened.appenders.runtime.append('fill', body, [decision.leafHash])
      recorded.set(tick, body)
    },
    ...(parameters.onLog === undefined ? {} : { onLog: parameters.onLog }),
    durable: false,
  }

  /** One tick after the other: the strategy waits for its evidence. */
  async function inStep(tick: number): Promise<void> {
    tell(tick, (await runTick(cycle, tick)).decision)
  }

  /** The evidence follows, of several ticks at once: their answers share a signature. */
  ahead?.scout.explore(
    {
      schedule,
      pair,
      feePips,
      models: strategy.models.flatMap(({ identity, file }) => (file === null ? [] : [{ identity, file }])),
    },
    start,
  )
  let before: Promise<unknown> = Promise.resolve()
  const trailing: Promise<unknown>[] = []
  let failures = 0
  function trail(tick: number, step: ScoutStep, run: ScoutedRun): void {
    run.take(step)
    const evidence = runTick(cycle, tick, before).then(({ decision, result: decided }) => {
      tell(tick, decision)
      const found = 'result' in step.decided ? step.decided.result : null
      if (canonicalize(found) !== canonicalize(decided.type === 'missed' ? null : decided))
        throw new WarrantError(
          'REFUSED',
          `tick ${tick} cannot be put on record: ${decided.type === 'missed' ? decided.reason : 'it was decided otherwise'}`,
        )
    })
    // Whoever catches up hears of it, and until then nobody else should.
    evidence.catch(() => {})
    before = evidence
    trailing.push(evidence)
    if ('result' in step.decided) fillAt(tick, step.decided.result)
    else if (maxMissed !== undefined && ++failures > maxMissed) isFailing = true
  }
  async function caughtUp(run: ScoutedRun): Promise<void> {
    await Promise.all(trailing.splice(0))
    if (run.differs !== null) throw new WarrantError('REFUSED', `the record differs from what happened: ${run.differs}`)
  }

  for (let tick = 0; tick < schedule.ticks; tick++) {
    if (isFailing) break
    if (parameters.pace !== undefined && !(await parameters.pace())) break
    clock.set(decisionTimeMs(schedule, tick))
    if (ahead === undefined) {
      await inStep(tick)
      continue
    }
    trail(tick, ahead.scout.ready() ?? (await ahead.scout.next(treasury.balances())), ahead)
    if (trailing.length === TOGETHER) await caughtUp(ahead)
  }
  if (ahead !== undefined) await caughtUp(ahead)
  const ended = isFailing ? 'too many ticks were missed' : 'told to stop'
  await opened.close(result.decisions === schedule.ticks ? 'the data ended' : ended, result.decisions)
  return result
}

import { type CyclePorts, runTick } from '#agents/cycle/runTick.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import type { Log } from '#runtime/log/openLog.ts'
import { type Bar, decisionTimeMs, type Schedule } from '#runtime/market/bars.ts'
import type { MinuteSource } from '#runtime/market/minutes.ts'
import { createObserver } from '#runtime/market/observer.ts'
import { AGENT, type LoadedStrategy, openRun, type RunKeys } from '#runtime/run/openRun.ts'
import { digestJson } from '#verifier/evidence/digest.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { Decision, DecisionResult } from '#verifier/evidence/records/decision.ts'
import { createPaperTreasury, PAPER_LIQUIDITY, type PaperFill, startBalances, worthOf } from './paperTreasury.ts'
import type { ScoutStep } from './scout/messages.ts'
import type { ScoutedRun } from './scout/scoutedRun.ts'

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
  onTick?(done: number): void
  /** Before each tick: false ends the run in order. */
  pace?(): Promise<boolean>
}

/** One point of the equity curve: after the tick's fill, at its close. Values in USDC. */
export type EquityPoint = { timeMs: number; equity: number; hold: number; price: number; trade: 'buy' | 'sell' | null }

export type BacktestResult = {
  decisions: number
  holds: number
  missed: number
  trades: number
  reverted: number
  feesUsdc: number
  equity: EquityPoint[]
}

/**
 * Runs a strategy over market data with the same cycle, gateway, sandbox and log as live: a decision at a bar's close
 * fills at the next bar's open, in a pool with real Uniswap v3 arithmetic, fee and price impact included.
 */
export async function runBacktest(parameters: RunBacktestParameters): Promise<BacktestResult> {
  const { log, keys, clock, mode, strategy, source, schedule, feePips, seed, ahead, onTick } = parameters
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
  const result: BacktestResult = { decisions: 0, holds: 0, missed: 0, trades: 0, reverted: 0, feesUsdc: 0, equity: [] }
  const fills = new Map<number, PaperFill>()

  /** What a decision did to the treasury, and to the figures. */
  function take(tick: number, decided: DecisionResult): void {
    const at = (schedule.bars[tick + schedule.window - 1] as Bar).close
    let trade: EquityPoint['trade'] = null
    if (decided.type === 'intents') {
      const fill = treasury.fill(tick, decided)
      fills.set(tick, fill)
      result.feesUsdc += fill.feesUsdc
      if (fill.reason === null) {
        result.trades++
        trade = (fill.changes[pair.base] ?? 0n) > 0n ? 'buy' : 'sell'
      } else result.reverted++
    }
    result.decisions++
    if (decided.type === 'hold') result.holds++
    if (decided.type === 'missed') result.missed++
    result.equity.push({
      timeMs: decisionTimeMs(schedule, tick),
      equity: treasury.valueAt(at),
      hold: worthOf(start, pair, at),
      price: worthOf({ [pair.base]: String(10n ** 18n) }, pair, at),
      trade,
    })
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
      if (ahead === undefined) take(tick, (decision.record.body as Decision).result)
      const fill = fills.get(tick)
      fills.delete(tick)
      if (fill === undefined) return
      opened.appenders.runtime.append(
        'fill',
        {
          decision: decision.leafHash,
          status: fill.reason === null ? 'success' : 'reverted',
          reason: fill.reason,
          changes: Object.fromEntries(Object.entries(fill.changes).map(([symbol, change]) => [symbol, String(change)])),
        },
        [decision.leafHash],
      )
    },
    durable: false,
  }

  /** One tick after the other: the strategy waits for its evidence. */
  async function inStep(tick: number): Promise<void> {
    const { result: decided } = await runTick(cycle, tick)
    // Intents were taken when they were settled.
    if (decided.type !== 'intents') take(tick, decided)
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
  function trail(tick: number, step: ScoutStep, run: ScoutedRun): void {
    run.take(step)
    const recorded = runTick(cycle, tick, before)
    // Whoever catches up hears of it, and until then nobody else should.
    recorded.catch(() => {})
    before = recorded
    trailing.push(recorded)
    take(
      tick,
      'result' in step.decided ? step.decided.result : { type: 'missed', reason: step.decided.failure.message },
    )
  }
  async function caughtUp(run: ScoutedRun): Promise<void> {
    await Promise.all(trailing.splice(0))
    if (run.differs !== null) throw new WarrantError('REFUSED', `the record differs from what happened: ${run.differs}`)
  }

  for (let tick = 0; tick < schedule.ticks; tick++) {
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
  await opened.close(result.decisions === schedule.ticks ? 'the data ended' : 'told to stop', result.decisions)
  return result
}

import { runTick } from '#agents/cycle/runTick.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import type { Log } from '#runtime/log/openLog.ts'
import { type Bar, decisionTimeMs, type Schedule } from '#runtime/market/bars.ts'
import type { MinuteSource } from '#runtime/market/minutes.ts'
import { createObserver } from '#runtime/market/observer.ts'
import { AGENT, type LoadedStrategy, openRun, type RunKeys } from '#runtime/run/openRun.ts'
import { amountAtTick } from '#strategies/sdk/maths/tick.ts'
import { digestJson } from '#verifier/evidence/digest.ts'
import type { Decision } from '#verifier/evidence/records/decision.ts'
import { createPaperPool } from './paperPool.ts'

/** Liquidity of the paper pool: that of the devnet's, so that both fill alike. */
export const PAPER_LIQUIDITY = 1_000_000_000_000_000_000n
export const PAPER_TREASURY = { USDC: 60_000n * 10n ** 6n, WETH: 20n * 10n ** 18n }
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
  const { log, keys, clock, mode, strategy, source, schedule, feePips, seed, onTick } = parameters
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
  })
  const held: Record<string, bigint> = { [pair.quote]: PAPER_TREASURY.USDC, [pair.base]: PAPER_TREASURY.WETH }
  const start = { ...held }
  const pool = createPaperPool({
    liquidity: PAPER_LIQUIDITY,
    feePips,
    tick: (schedule.bars[schedule.window - 1] as Bar).close,
  })
  const observe = createObserver({
    log: opened.appenders.market,
    schedule,
    source: source.name,
    balances: async () => ({
      balances: Object.fromEntries(Object.entries(held).map(([symbol, amount]) => [symbol, String(amount)])),
      chain: null,
    }),
  })
  const result: BacktestResult = { decisions: 0, holds: 0, missed: 0, trades: 0, reverted: 0, feesUsdc: 0, equity: [] }
  const valueAt = (balances: Record<string, bigint>, tick: number) =>
    Number((balances[pair.quote] ?? 0n) + amountAtTick(tick, 'base', balances[pair.base] ?? 0n)) / 1e6

  /** Fills a decision's intents, all or none, as one transaction would. */
  function fill(decision: Decision, price: number): { changes: Record<string, bigint>; reason: string | null } {
    const changes: Record<string, bigint> = {}
    if (decision.result.type !== 'intents') return { changes, reason: 'no intents' }
    for (const intent of decision.result.intents) {
      if (intent.type !== 'swap') return { changes: {}, reason: `only swaps fill on paper, not a ${intent.type}` }
      const amountIn = BigInt(intent.amountIn)
      const have = (held[intent.sell] ?? 0n) + (changes[intent.sell] ?? 0n)
      if (have < amountIn)
        return { changes: {}, reason: `sells ${amountIn} ${intent.sell}, the treasury holds ${have}` }
      const side = intent.sell === pair.quote ? 'token0' : 'token1'
      const out = pool.quote(side, amountIn)
      if (out < BigInt(intent.minBuy))
        return { changes: {}, reason: `would buy ${out} ${intent.buy}, the least allowed is ${intent.minBuy}` }
      pool.swap(side, amountIn)
      changes[intent.sell] = (changes[intent.sell] ?? 0n) - amountIn
      changes[intent.buy] = (changes[intent.buy] ?? 0n) + out
      const feeIn = (amountIn * BigInt(feePips)) / 1_000_000n
      result.feesUsdc += valueAt({ [intent.sell]: feeIn }, price)
    }
    return { changes, reason: null }
  }

  for (let tick = 0; tick < schedule.ticks; tick++) {
    if (parameters.pace !== undefined && !(await parameters.pace())) break
    const bar = schedule.bars[tick + schedule.window - 1] as Bar
    clock.set(decisionTimeMs(schedule, tick))
    pool.moveTo(bar.close)
    let trade: EquityPoint['trade'] = null
    const { result: decided } = await runTick(
      {
        agent: AGENT,
        crypto: nodeCrypto,
        log: opened.appenders.agent,
        strategy: strategy.sandboxed,
        identity: { strategy: strategy.bundle.digest, params: strategy.paramsDigest },
        observe,
        infer: opened.gateway.infer,
        async settle(decision) {
          pool.moveTo((schedule.bars[tick + schedule.window] as Bar).open)
          const { changes, reason } = fill(decision.record.body as Decision, bar.close)
          for (const [symbol, change] of Object.entries(changes)) held[symbol] = (held[symbol] ?? 0n) + change
          if (reason === null) {
            result.trades++
            trade = (changes[pair.base] ?? 0n) > 0n ? 'buy' : 'sell'
          } else result.reverted++
          opened.appenders.runtime.append(
            'fill',
            {
              decision: decision.leafHash,
              status: reason === null ? 'success' : 'reverted',
              reason,
              changes: Object.fromEntries(Object.entries(changes).map(([symbol, change]) => [symbol, String(change)])),
            },
            [decision.leafHash],
          )
        },
        durable: false,
      },
      tick,
    )
    result.decisions++
    if (decided.type === 'hold') result.holds++
    if (decided.type === 'missed') result.missed++
    result.equity.push({
      timeMs: decisionTimeMs(schedule, tick),
      equity: valueAt(held, bar.close),
      hold: valueAt(start, bar.close),
      price: valueAt({ [pair.base]: 10n ** 18n }, bar.close),
      trade,
    })
    onTick?.(tick + 1)
  }
  await opened.close(result.decisions === schedule.ticks ? 'the data ended' : 'told to stop', result.decisions)
  return result
}

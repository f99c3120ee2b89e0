import { join } from 'node:path'
import { runBacktest } from '#runtime/backtest/runBacktest.ts'
import { openScout } from '#runtime/backtest/scout/openScout.ts'
import { type ScoutedRun, scoutedRun } from '#runtime/backtest/scout/scoutedRun.ts'
import type { BacktestResult } from '#runtime/backtest/tally.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { scheduleOf } from '#runtime/market/bars.ts'
import type { MinuteSource } from '#runtime/market/minutes.ts'
import { loadStrategy, openRunKeys, strategyEntry } from '#runtime/run/openRun.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { LogLine } from '#verifier/evidence/records/decision.ts'

export type BacktestToLogParameters = {
  strategy: string
  params: unknown
  source: MinuteSource
  fromMs: number | null
  toMs: number | null
  decisions: number | null
  feePips: number
  dir: string
  seed: string
  /** More missed ticks than that end the run. */
  maxMissed?: number
  onTick?(done: number, total: number): void
  onLog?(tick: number, lines: readonly LogLine[]): void
}

/** Runs a backtest whose log stands in `dir/log`. @throws BAD_DATA, STRATEGY_INVALID, FILE_MISSING */
export async function backtestToLog(
  parameters: BacktestToLogParameters,
): Promise<{ result: BacktestResult; name: string; logDir: string; vkey: string; root: string; size: number }> {
  const { source, fromMs, toMs, decisions, dir, onTick } = parameters
  const minutes = source.minutes.filter(
    m => (fromMs === null || m.timeSeconds * 1_000 >= fromMs) && (toMs === null || m.timeSeconds * 1_000 < toMs),
  )
  if (minutes.length === 0) throw new WarrantError('BAD_DATA', `${source.name}: no minute lies between --from and --to`)
  const opened: { ahead?: ScoutedRun } = {}
  const strategy = await loadStrategy(
    strategyEntry(parameters.strategy),
    parameters.params,
    async (bundle, params, places) => {
      opened.ahead = scoutedRun(await openScout(bundle, params), places)
      return opened.ahead.sandboxed
    },
  )
  try {
    const { intervalSeconds, window } = strategy.sandboxed.manifest.market
    const schedule = scheduleOf({ ...source, minutes }, { intervalSeconds, window, decisions })
    let nowMs = 0
    const clock = {
      nowMs: () => nowMs,
      set(ms: number) {
        nowMs = ms
      },
    }
    const keys = openRunKeys(join(dir, 'keys'))
    const logDir = join(dir, 'log')
    const log = openLog({ dir: logDir, origin: 'warrant.example/backtest', signer: keys.log, clock })
    try {
      const result = await runBacktest({
        log,
        keys,
        clock,
        mode: 'backtest',
        strategy,
        source,
        schedule,
        feePips: parameters.feePips,
        seed: parameters.seed,
        ...opened,
        ...(parameters.maxMissed === undefined ? {} : { maxMissed: parameters.maxMissed }),
        ...(parameters.onLog === undefined ? {} : { onLog: parameters.onLog }),
        ...(onTick === undefined ? {} : { onTick: (done: number) => onTick(done, schedule.ticks) }),
      })
      await log.close()
      return { result, name: strategy.sandboxed.manifest.name, logDir, vkey: log.vkey, root: log.root, size: log.size }
    } catch (error) {
      await log.close().catch(() => {})
      throw error
    }
  } finally {
    await strategy.sandboxed.close()
  }
}

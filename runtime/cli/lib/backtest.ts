import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { chartPage } from '#runtime/backtest/chartPage.ts'
import { FEE_TIERS } from '#runtime/backtest/paperPool.ts'
import { type BacktestSummary, summarize } from '#runtime/backtest/summarize.ts'
import { makeDirectory } from '#runtime/log/disk.ts'
import { openSource } from '#runtime/market/openSource.ts'
import { utcTime } from '#runtime/market/utcTime.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { LogLine } from '#verifier/evidence/records/decision.ts'
import { backtestToLog } from './backtestToLog.ts'

export type BacktestOptions = {
  data?: string
  from?: string
  to?: string
  decisions?: string
  feeBps: string
  params?: string
  seed: string
  out?: string
  html?: string
  maxMissed: string
}

/** A backtest from command-line options. @throws BAD_INPUT naming the option */
export async function backtest(strategy: string, options: BacktestOptions, listener: BacktestListener) {
  const feePips = Number(options.feeBps) * 100
  if (![100, 500, 3_000, 10_000].includes(feePips))
    throw new WarrantError('BAD_INPUT', `--fee-bps: no pool has a fee of ${options.feeBps}: ${FEE_TIERS}`)
  const decisions = options.decisions === undefined ? null : Number(options.decisions)
  if (decisions !== null && (!Number.isInteger(decisions) || decisions < 1))
    throw new WarrantError('BAD_INPUT', `--decisions must be a positive integer, got ${options.decisions}`)
  if (options.html !== undefined && !existsSync(dirname(resolve(options.html))))
    throw new WarrantError('BAD_INPUT', `--html: the folder of ${options.html} does not exist`)
  const params = parseParams(options.params)
  const source = openSource(
    options.data === undefined ? { simulated: { seed: options.seed, minutes: 30 * 1_440 } } : { data: options.data },
  )
  const fromMs = parseTime('--from', options.from)
  const toMs = parseTime('--to', options.to)
  const maxMissed = Number(options.maxMissed)
  if (!/^\d+$/.test(options.maxMissed))
    throw new WarrantError('BAD_INPUT', `--max-missed must be a whole number from 0, got ${options.maxMissed}`)
  const isNew = options.out === undefined || !existsSync(options.out)
  const dir = newDirectory(options.out)
  try {
    const { result, name, logDir, vkey, root, size } = await backtestToLog({
      strategy,
      params,
      source,
      fromMs,
      toMs,
      decisions,
      feePips,
      dir,
      seed: options.seed,
      maxMissed,
      onTick: listener.onTick,
      onLog: listener.onLog,
    })
    const summary: BacktestSummary & { strategy: string } = { strategy: name, ...summarize(result) }
    if (options.html !== undefined)
      writeFileSync(
        options.html,
        chartPage({ title: `${name} on ${source.name}`, simulated: source.simulated, result, summary }),
      )
    return {
      summary,
      simulated: source.simulated,
      log: { dir: logDir, vkey, root, size },
      isFailed: result.missed > maxMissed,
    }
  } catch (error) {
    // A run that came to nothing leaves nothing.
    for (const name of isNew ? [''] : readdirSync(dir)) rmSync(join(dir, name), { recursive: true, force: true })
    throw error
  }
}

/** Hears how a backtest goes on. */
export type BacktestListener = {
  onTick(done: number, total: number): void
  onLog(tick: number, lines: readonly LogLine[]): void
}

function parseTime(option: string, text: string | undefined): number | null {
  if (text === undefined) return null
  const match = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d))?$/.exec(text)
  if (match === null)
    throw new WarrantError('BAD_INPUT', `${option} must be YYYY-MM-DD or YYYY-MM-DDTHH:MM, got ${text}`)
  const ms = utcTime(match[1] as string, `${match[2] ?? '00:00'}:00`)
  if (ms === null) throw new WarrantError('BAD_INPUT', `${option}: there is no ${text}`)
  return ms
}

function parseParams(text: string | undefined): unknown {
  if (text === undefined) return {}
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new WarrantError('BAD_INPUT', `--params is not JSON: ${text}`, { cause })
  }
}

/** A new directory: the one asked for, which must be empty or missing, or a temporary one. @throws BAD_INPUT */
export function newDirectory(out: string | undefined): string {
  if (out === undefined) return mkdtempSync(join(tmpdir(), 'warrant-'))
  const dir = resolve(out)
  if (existsSync(dir) && readdirSync(dir).length > 0)
    throw new WarrantError('BAD_INPUT', `${out} is not empty: give --out a new directory`)
  makeDirectory(dir)
  return dir
}

import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { WarrantError } from '#verifier/evidence/error.ts'
import { utcTime } from './utcTime.ts'

/** One minute of a pool: prices are ticks, `timeSeconds` its start (UTC). */
export type Minute = { timeSeconds: number; open: number; high: number; low: number; close: number; liquidity: bigint }

export type MinuteSource = {
  /** For people: which data this is. */
  name: string
  /** SHA-256 over the files' names and bytes, or over the simulation's parameters. */
  digest: string
  simulated: boolean
  minutes: Minute[]
  /** Minutes that the source lacks; the last close stands for them. */
  missing: number
}

/** A longer hole is no gap but missing data. */
export const MAX_GAP_MINUTES = 240
/** No pool moves as far from one row to the next: a factor of e. Another pool's file does. */
const MAX_JUMP_TICKS = 10_000
const COLUMNS = ['timestamp', 'closeTick', 'openTick', 'lowestTick', 'highestTick', 'currentLiquidity'] as const

/**
 * Reads minute bars as demeter-fetch writes them: `*.minute.csv` or `*.minute.csv.gz`, one file a day. Minutes must
 * ascend without duplicates; holes of up to 240 minutes are counted, longer ones refused.
 *
 * @throws FILE_MISSING, BAD_DATA naming file and line
 */
export function readMinutes(dir: string): MinuteSource {
  if (!existsSync(dir) || !statSync(dir).isDirectory())
    throw new WarrantError('FILE_MISSING', `${dir}: no such data directory`)
  const files = readdirSync(dir)
    .filter(name => /\.csv(\.gz)?$/.test(name))
    .sort()
  if (files.length === 0) throw new WarrantError('FILE_MISSING', `${dir}: holds no .csv or .csv.gz file of minute bars`)
  const hash = createHash('sha256')
  const minutes: Minute[] = []
  let missing = 0
  for (const file of files) {
    const path = join(dir, file)
    const raw = readFileSync(path)
    hash.update(`${file}\0${raw.length}\0`).update(raw)
    for (const { minute, line } of parseFile(path, raw)) {
      const last = minutes.at(-1)
      if (last !== undefined) {
        const step = (minute.timeSeconds - last.timeSeconds) / 60
        if (step === 0) throw bad(path, line, 'this minute stands there twice: remove one of the rows')
        if (step < 0) throw bad(path, line, 'minutes are not in ascending order: sort the rows by timestamp')
        if (step - 1 > MAX_GAP_MINUTES)
          throw bad(
            path,
            line,
            `${step - 1} minutes are missing before this row: the most is ${MAX_GAP_MINUTES}; fetch these days, or move the files of one side to another directory`,
          )
        if (Math.abs(minute.open - last.close) > MAX_JUMP_TICKS)
          throw bad(
            path,
            line,
            `the price jumps from tick ${last.close} to ${minute.open}: is this a file of another pool?`,
          )
        missing += step - 1
      }
      minutes.push(minute)
    }
  }
  return { name: basename(dir), digest: hash.digest('hex'), simulated: false, minutes, missing }
}

function* parseFile(path: string, raw: Uint8Array): Generator<{ minute: Minute; line: number }> {
  let text: string
  try {
    text = (path.endsWith('.gz') ? gunzipSync(raw) : Buffer.from(raw)).toString('utf8')
  } catch (cause) {
    throw new WarrantError('BAD_DATA', `${path}: not a gzip file: fetch it again`, { cause })
  }
  const lines = text.split('\n')
  const header = (lines[0] ?? '').trim().split(',')
  const column = Object.fromEntries(
    COLUMNS.map(name => {
      const index = header.indexOf(name)
      if (index < 0) throw bad(path, 1, `column ${name} is missing`)
      return [name, index]
    }),
  ) as Record<(typeof COLUMNS)[number], number>
  for (const [i, lineText] of lines.entries()) {
    if (i === 0 || lineText === '') continue
    const line = i + 1
    const fields = lineText.trimEnd().split(',')
    if (fields.length !== header.length)
      throw bad(path, line, `has ${fields.length} columns, the header ${header.length}`)
    const field = (name: (typeof COLUMNS)[number]) => fields[column[name]] as string
    const tick = (name: (typeof COLUMNS)[number]) => {
      const value = Number(field(name))
      if (!/^(?:0|-?[1-9]\d{0,5})$/.test(field(name)) || Math.abs(value) > 887_272)
        throw bad(path, line, `${name} is not a tick: ${field(name)}`)
      return value
    }
    const stamp = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)$/.exec(field('timestamp'))
    const timeMs = stamp ? utcTime(stamp[1] as string, stamp[2]) : null
    if (timeMs === null || timeMs % 60_000 !== 0)
      throw bad(path, line, `timestamp is not a whole minute "YYYY-MM-DD HH:MM:00": ${field('timestamp')}`)
    if (!/^\d{1,39}$/.test(field('currentLiquidity')))
      throw bad(path, line, `currentLiquidity is not an integer: ${field('currentLiquidity')}`)
    const [open, high, low, close] = [tick('openTick'), tick('highestTick'), tick('lowestTick'), tick('closeTick')]
    if (Math.abs(close - open) > MAX_JUMP_TICKS)
      throw bad(path, line, `the price jumps from tick ${open} to ${close} within a minute`)
    if (low > high) throw bad(path, line, `lowestTick ${low} is above highestTick ${high}`)
    // The tool takes open from before the minute's first swap, so it may lie outside of what the minute traded at.
    const minute = {
      timeSeconds: timeMs / 1000,
      open,
      high: Math.max(high, open, close),
      low: Math.min(low, open, close),
      close,
    }
    yield { line, minute: { ...minute, liquidity: BigInt(field('currentLiquidity')) } }
  }
}

function bad(path: string, line: number, reason: string): WarrantError {
  return new WarrantError('BAD_DATA', `${path}:${line}: ${reason}`)
}

import { WarrantError } from '#verifier/evidence/error.ts'
import type { Bars } from '#verifier/evidence/records/observation.ts'
import type { Minute, MinuteSource } from './minutes.ts'

/** One bar; `timeSeconds` is its start. */
export type Bar = { timeSeconds: number; open: number; high: number; low: number; close: number }

/** Bars aligned to multiples of `intervalSeconds`; an interval without a minute repeats the last close. The last, unfinished one is dropped. */
export function aggregateBars(minutes: readonly Minute[], intervalSeconds: number): Bar[] {
  const bars: Bar[] = []
  for (const minute of minutes) {
    const start = Math.floor(minute.timeSeconds / intervalSeconds) * intervalSeconds
    let last = bars.at(-1)
    if (last !== undefined && last.timeSeconds === start) {
      last.high = Math.max(last.high, minute.high)
      last.low = Math.min(last.low, minute.low)
      last.close = minute.close
      continue
    }
    while (last !== undefined && last.timeSeconds + intervalSeconds < start) {
      last = {
        timeSeconds: last.timeSeconds + intervalSeconds,
        open: last.close,
        high: last.close,
        low: last.close,
        close: last.close,
      }
      bars.push(last)
    }
    bars.push({ timeSeconds: start, open: minute.open, high: minute.high, low: minute.low, close: minute.close })
  }
  const lastMinute = minutes.at(-1)
  const lastBar = bars.at(-1)
  if (lastMinute && lastBar && lastMinute.timeSeconds + 60 < lastBar.timeSeconds + intervalSeconds) bars.pop()
  return bars
}

/** The schedule of a run: tick i is decided at the close of bar `window − 1 + i`, and fills at the open of the next. */
export type Schedule = { bars: Bar[]; window: number; intervalSeconds: number; ticks: number }

/**
 * The first `decisions` ticks that a source allows (all of them when null).
 *
 * @throws BAD_DATA when there are too few bars
 */
export function scheduleOf(
  source: MinuteSource,
  { intervalSeconds, window, decisions }: { intervalSeconds: number; window: number; decisions: number | null },
): Schedule {
  const bars = aggregateBars(source.minutes, intervalSeconds)
  const possible = bars.length - window
  if (possible < 1 || (decisions !== null && decisions > possible)) {
    throw new WarrantError(
      'BAD_DATA',
      `${source.name}: gives ${Math.max(0, possible)} decisions (${bars.length} bars of ${intervalSeconds} s, ${window} of them history), ${decisions ?? 1} asked for`,
    )
  }
  return { bars, window, intervalSeconds, ticks: decisions ?? possible }
}

/** The columns that an observation at `tick` shows. */
export function barsAt({ bars, window }: Schedule, tick: number): Bars {
  const shown = bars.slice(tick, tick + window)
  return {
    timeSeconds: shown.map(bar => bar.timeSeconds),
    open: shown.map(bar => bar.open),
    high: shown.map(bar => bar.high),
    low: shown.map(bar => bar.low),
    close: shown.map(bar => bar.close),
  }
}

/** Market time at which `tick` is decided: the close of its last bar. */
export function decisionTimeMs(schedule: Schedule, tick: number): number {
  const bar = schedule.bars[tick + schedule.window - 1] as Bar
  return (bar.timeSeconds + schedule.intervalSeconds) * 1000
}

import type { RecordOf } from '#verifier/evidence/record.ts'
import type { View } from '#verifier/evidence/records/observation.ts'

/** An observation with another view. @throws Error where there is none */
export function withView(
  observation: RecordOf<'observation'> | null,
  change: (view: View) => Partial<View>,
): RecordOf<'observation'> {
  if (observation === null) throw new Error('the world has an observation')
  const { view } = observation.body
  return { ...observation, body: { ...observation.body, view: { ...view, ...change(view) } } }
}

/** The same bars, so many seconds later. */
export const barsShifted =
  (seconds: number) =>
  ({ bars }: View): Partial<View> => ({ bars: { ...bars, timeSeconds: bars.timeSeconds.map(time => time + seconds) } })

/** The same window, so many bars earlier. */
export const barsBack =
  (count: number) =>
  (view: View): Partial<View> => ({
    ...barsShifted(-count * view.intervalSeconds)(view),
    timeMs: view.timeMs - count * view.intervalSeconds * 1_000,
  })

/** The window without one of its bars; with an older one at its start, if so. */
export const barsWithout =
  (at: number, isFilled = false) =>
  ({ bars, intervalSeconds }: View): Partial<View> => {
    const pick = (column: number[]) => [...(isFilled ? column.slice(0, 1) : []), ...column.toSpliced(at, 1)]
    const { timeSeconds, open, high, low, close } = bars
    const times = pick(timeSeconds)
    if (isFilled) times[0] = (times[1] as number) - intervalSeconds
    return { bars: { timeSeconds: times, open: pick(open), high: pick(high), low: pick(low), close: pick(close) } }
  }

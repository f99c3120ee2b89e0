/** One measured figure. `holds` is there only where a bar is; a figure that was not measured is absent. */
export type Figure = {
  id: string
  value: number
  unit: string
  baseline?: string
  bar?: string
  holds?: boolean
  note?: string
}

/** A figure with an upper bar. */
export function atMost(id: string, value: number, unit: string, bar: number, note?: string): Figure {
  return {
    id,
    value: round(value),
    unit,
    bar: `≤ ${bar}`,
    holds: value <= bar,
    ...(note === undefined ? {} : { note }),
  }
}

/** A figure with a lower bar. */
export function atLeast(id: string, value: number, unit: string, bar: number, note?: string): Figure {
  return {
    id,
    value: round(value),
    unit,
    bar: `≥ ${bar}`,
    holds: value >= bar,
    ...(note === undefined ? {} : { note }),
  }
}

/** A figure without a bar. */
export function reported(id: string, value: number, unit: string, note?: string): Figure {
  return { id, value: round(value), unit, ...(note === undefined ? {} : { note }) }
}

/** The p-quantile (0–1) of unsorted values. */
export function quantile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? Number.NaN
}

const round = (value: number) => (Math.abs(value) >= 100 ? Math.round(value) : Math.round(value * 1_000) / 1_000)

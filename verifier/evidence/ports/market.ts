import type { Bars } from '../records/observation.ts'

/** A verifier's own view of the market: never the agent's. */
export type MarketPort = {
  readonly description: string
  /** The bars that it has for these start times, or null where it has none. */
  barsAt(timeSeconds: readonly number[], intervalSeconds: number): Bars | null | Promise<Bars | null>
  /** The oracle: the last tick at or before a time, or null. */
  tickAt(timeSeconds: number): number | null | Promise<number | null>
}

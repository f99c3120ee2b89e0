import { WarrantError } from '#verifier/evidence/error.ts'
import type { ChainPort } from '#verifier/evidence/ports/chain.ts'
import type { Schedule } from './bars.ts'
import type { SwapFeed } from './swapFeed.ts'

/** A schedule whose bars come as the chain makes them. */
export type LiveSchedule = {
  schedule: Schedule
  /** Waits until the next bar has ended on the chain, and appends it. False when told to stop first. */
  next(stop: { reason: string | null }): Promise<boolean>
}

const EVERY_MS = 1_000

/** Starts with the history of one window; its first tick is decided at the close of the bar that is open now. */
export async function openLiveSchedule(
  feed: SwapFeed,
  chain: ChainPort,
  { intervalSeconds, window, decisions }: { intervalSeconds: number; window: number; decisions: number | null },
): Promise<LiveSchedule> {
  const { timestamp } = await chain.head()
  let open = Math.floor(timestamp / intervalSeconds) * intervalSeconds
  const history = window - 1
  const bars = history === 0 ? [] : await feed.barsFrom(open - history * intervalSeconds, history, intervalSeconds)
  if (bars === null) throw new WarrantError('CHAIN_FAILED', 'the node fell behind its own head', { retry: 'safe' })
  const schedule = { bars, window, intervalSeconds, ticks: decisions ?? Number.MAX_SAFE_INTEGER }
  return {
    schedule,
    async next(stop) {
      while (stop.reason === null) {
        const bar = await feed.barsFrom(open, 1, intervalSeconds)
        if (bar !== null) {
          schedule.bars.push(...bar)
          open += intervalSeconds
          return true
        }
        await new Promise(resolve => setTimeout(resolve, EVERY_MS))
      }
      return false
    },
  }
}

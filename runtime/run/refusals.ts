import type { NotSent } from '#runtime/chain/notSentError.ts'

/** One reason for which approved transactions were not sent. `words`: as it was said the last time. */
export type RefusalCount = { kind: string; words: string; times: number; isStanding: boolean }

/** What was not sent in a run. */
export type Refusals = {
  take(refusal: NotSent): void
  /** That a transaction went out: what comes after is no row of refusals any more. */
  sent(): void
  counts(): RefusalCount[]
}

/**
 * Counts refusals by their reason. The first of a kind is said; the second in a row is an alarm, and so are the tenth, the
 * hundredth and so on: one line for each tick would hide the one that matters.
 */
export function createRefusals({ say, alarm }: { say(line: string): void; alarm(line: string): void }): Refusals {
  const byKind = new Map<string, RefusalCount>()
  let row = 0
  return {
    take({ kind, words, isStanding }) {
      const times = (byKind.get(kind)?.times ?? 0) + 1
      byKind.set(kind, { kind, words, times, isStanding })
      row++
      if (times === 1) say(`NOT SENT: ${words}`)
      if (row === 2 || /^10+$/.test(String(row)))
        alarm(`ALARM: nothing was sent ${row} times in a row, though verifiers approved: ${words}`)
    },
    sent() {
      row = 0
    },
    counts: () => [...byKind.values()],
  }
}

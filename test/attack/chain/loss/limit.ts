/** A leaking bucket as the owners set it: `amount` base units at once, and that much again in each `window` of seconds. */
export type Limit = { amount: bigint; window: number }
/** What left at a time, in seconds and base units. */
export type Flow = { at: number; amount: bigint }

/**
 * What a limit still lets out at a time after these flows: `amount` at once, and what leaks since each of them. From the
 * flows alone, without a bucket's level, so that a level that is kept wrongly shows.
 */
export function roomAfter(flows: readonly Flow[], { amount, window }: Limit, at: number): bigint {
  let room = amount
  let sum = 0n
  for (const flow of [...flows].reverse()) {
    sum += flow.amount
    const allowed = amount + (amount * BigInt(at - flow.at)) / BigInt(window)
    if (allowed - sum < room) room = allowed - sum
  }
  return room < 0n ? 0n : room
}

/**
 * Where flows exceed a limit: more than `amount` at once, more than twice that within a window, or more than what leaks in
 * any span. Null: nowhere.
 */
export function brokenLimit(flows: readonly Flow[], { amount, window }: Limit): string | null {
  for (const [i, first] of flows.entries()) {
    let sum = 0n
    for (const { at, amount: out } of flows.slice(i)) {
      sum += out
      const seconds = BigInt(at - first.at)
      if (sum * BigInt(window) > amount * (BigInt(window) + seconds))
        return `${sum} left within ${seconds} s, of ${amount} at once and again in ${window} s`
    }
  }
  return null
}

/** The largest part of a limit that was used: of `amount` at once, of twice that in a window. 1: all of it. */
export function worstShare(flows: readonly Flow[], { amount, window }: Limit): { once: number; inWindow: number } {
  const share = (sum: bigint, of: bigint) => (of === 0n ? 0 : Number((sum * 10_000n) / of) / 10_000)
  let [once, inWindow] = [0, 0]
  for (const [i, first] of flows.entries()) {
    once = Math.max(once, share(first.amount, amount))
    const within = flows.slice(i).filter(({ at }) => at - first.at <= window)
    inWindow = Math.max(
      inWindow,
      share(
        within.reduce((sum, flow) => sum + flow.amount, 0n),
        2n * amount,
      ),
    )
  }
  return { once, inWindow }
}

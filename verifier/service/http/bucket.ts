import type { Rate } from './limits.ts'

/** Takes amounts, at most so many at once and so many more per second. */
export type Bucket = {
  /** Takes an amount: 0, or how many milliseconds until there is enough, and nothing is taken. */
  take(amount: number): number
}

/** A leaking bucket. `nowMs`: a clock that never runs back. */
export function createBucket({ burst, perSecond }: Rate, nowMs: () => number): Bucket {
  let level = 0
  let atMs = nowMs()
  return {
    take(amount) {
      const now = nowMs()
      level = Math.max(0, level - ((now - atMs) * perSecond) / 1_000)
      atMs = now
      const over = level + amount - burst
      if (over > 0) return Math.max(1, Math.ceil((over / perSecond) * 1_000))
      level += amount
      return 0
    },
  }
}

/** Buckets by name, made when they are first asked for; at most `most` are remembered, those used last. */
export function createBuckets(rate: Rate, nowMs: () => number, most = 10_000): (name: string) => Bucket {
  const buckets = new Map<string, Bucket>()
  return name => {
    const bucket = buckets.get(name) ?? createBucket(rate, nowMs)
    buckets.delete(name)
    buckets.set(name, bucket)
    if (buckets.size > most) buckets.delete(buckets.keys().next().value as string)
    return bucket
  }
}

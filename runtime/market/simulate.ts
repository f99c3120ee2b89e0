import { createHash } from 'node:crypto'
import type { Minute, MinuteSource } from './minutes.ts'

export type SimulateMinutesParameters = { seed: string; minutes: number; startSeconds?: number; startTick?: number }

/**
 * A seeded simulated market, for a machine without data: a random walk of ticks with trends and bursts of volatility.
 * It says of itself that it is simulated, and proves nothing about any strategy.
 */
export function simulateMinutes({
  seed,
  minutes: count,
  startSeconds = 1_704_067_200,
  startTick = 199_000,
}: SimulateMinutesParameters): MinuteSource {
  const random = seededRandom(`warrant market ${seed}`)
  const minutes: Minute[] = []
  let price = startTick
  let drift = 0
  let volatility = 6
  for (let i = 0; i < count; i++) {
    if (i % 360 === 0) drift = (random() - 0.5) * 1.2
    volatility = Math.max(2, Math.min(30, volatility + (random() - 0.5) * 1.5))
    const open = Math.round(price)
    const steps = [1, 2, 3, 4].map(() => {
      price += drift / 4 + ((random() + random() + random() - 1.5) * volatility) / 1.5
      return Math.round(price)
    })
    const close = steps.at(-1) as number
    minutes.push({
      timeSeconds: startSeconds + 60 * i,
      open,
      high: Math.max(open, ...steps),
      low: Math.min(open, ...steps),
      close,
      liquidity: 500_000_000_000_000_000n,
    })
  }
  const name = `simulated market, seed ${seed}`
  const digest = createHash('sha256').update(JSON.stringify({ name, count, startSeconds, startTick })).digest('hex')
  return { name, digest, simulated: true, minutes, missing: 0 }
}

/** Uniform numbers in [0, 1) from a seed: SHA-256 in counter mode, 53 bits each. */
export function seededRandom(seed: string): () => number {
  let block = Buffer.alloc(0)
  let counter = 0
  return () => {
    if (block.length < 8) block = createHash('sha256').update(`${seed}\0${counter++}`).digest()
    const value = block.readUIntBE(0, 6) * 32 + ((block[6] as number) >> 3)
    block = block.subarray(8)
    return value / 2 ** 53
  }
}

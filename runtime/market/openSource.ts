import { z } from 'zod'
import { type MinuteSource, readMinutes } from './minutes.ts'
import { simulateMinutes } from './simulate.ts'

/** Where market data comes from: a directory of minute files, or the seeded simulation. */
export const marketSource = z.union([
  z.strictObject({ data: z.string().min(1) }),
  z.strictObject({ simulated: z.strictObject({ seed: z.string().min(1), minutes: z.int().min(1).max(10_000_000) }) }),
])
export type MarketSource = z.infer<typeof marketSource>

/** The same, or a pool's own Swap logs, for what follows a chain: live runs and verifiers. */
export const liveMarketSource = z.union([
  ...marketSource.options,
  z.strictObject({
    swaps: z.strictObject({
      pool: z
        .string()
        .regex(/^0x[0-9a-fA-F]{40}$/)
        .transform(text => text.toLowerCase())
        .describe('a Uniswap v3 pool on the chain of rpc'),
    }),
  }),
])
export type LiveMarketSource = z.infer<typeof liveMarketSource>

/** Opens a source. @throws FILE_MISSING, BAD_DATA */
export function openSource(source: MarketSource): MinuteSource {
  return 'data' in source ? readMinutes(source.data) : simulateMinutes(source.simulated)
}

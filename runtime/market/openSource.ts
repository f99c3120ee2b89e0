import { z } from 'zod'
import { type MinuteSource, readMinutes } from './minutes.ts'
import { simulateMinutes } from './simulate.ts'

/** Where market data comes from: a directory of minute files, or the seeded simulation. */
export const marketSource = z.union([
  z.strictObject({ data: z.string().min(1) }),
  z.strictObject({ simulated: z.strictObject({ seed: z.string().min(1), minutes: z.int().min(1).max(10_000_000) }) }),
])
export type MarketSource = z.infer<typeof marketSource>

/** Opens a source. @throws FILE_MISSING, BAD_DATA */
export function openSource(source: MarketSource): MinuteSource {
  return 'data' in source ? readMinutes(source.data) : simulateMinutes(source.simulated)
}

import { z } from 'zod'

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/)
  .transform(text => text.toLowerCase())
const amount = z
  .union([z.string().regex(/^\d+$/), z.int().min(0)])
  .transform(value => BigInt(value))
  .describe('base units')

/** What a DAO decides beside its policy when it adopts the module: `warrant treasury`. Paths are relative to the file. */
export const treasuryConfig = z.strictObject({
  policy: z.string().describe('the policy, which names Safe and module'),
  verifiers: z.array(address).min(1).describe('addresses of the verifiers'),
  threshold: z.int().min(1).describe('how many must sign; more than half'),
  guardian: address.describe('may pause, and nothing else'),
  guard: address.nullable().describe('WarrantGuard; null for a Safe before 1.5, which must enable no other module'),
  watchNative: z.boolean().default(true).describe('whether native coins must not fall unless a bound names them'),
  caps: z
    .record(z.string(), z.strictObject({ amount, windowSeconds: z.int().min(1) }))
    .describe('by token symbol: what may leave at once, whatever is signed; at most twice that in any window'),
  approvalLimits: z
    .record(z.string(), amount)
    .default({})
    .describe("by token symbol: outflow above which the module itself wants the policy's approvers"),
  verifierLimits: z
    .record(z.string(), z.strictObject({ above: amount, verifiers: z.int().min(1).max(64) }))
    .default({})
    .describe('by token symbol: outflow above which the module itself wants so many verifiers'),
})
export type TreasuryConfig = z.infer<typeof treasuryConfig>

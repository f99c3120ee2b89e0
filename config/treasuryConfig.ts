import { z } from 'zod'
import { isWrittenRight } from '#verifier/policy/checksum.ts'

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'expected an address: 0x and 40 hex digits')
  .refine(isWrittenRight, 'has a wrong checksum (EIP-55): a digit of it is wrong, or its case')
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
    .describe(
      'by token symbol, native (wei) or liquidity: what may leave at once, whatever is signed; at most twice that in any window',
    ),
  approvalLimits: z
    .record(z.string(), amount)
    .default({})
    .describe("like caps, over the cap's window: outflow above which the module itself wants the policy's approvers"),
  verifierLimits: z
    .record(z.string(), z.strictObject({ above: amount, verifiers: z.int().min(1).max(64) }))
    .default({})
    .describe("like caps, over the cap's window: outflow above which the module itself wants so many verifiers"),
  spenders: z
    .array(z.strictObject({ token: z.string(), spender: address, stays: z.boolean().default(false) }))
    .default([])
    .describe(
      "beside the policy's routers: contracts that take from nobody but their caller, and may be given allowances that count as no outflow; stays: also beyond the batch",
    ),
  otherModules: z
    .array(address)
    .default([])
    .describe('modules of the Safe that its owners know and keep, beside this one'),
  fallbackHandler: address
    .optional()
    .describe("the Safe's, where it is none of Safe's own: a handler that the owners know"),
  transactionGuard: address.optional().describe("the Safe's, where it has one: a guard that the owners know"),
})
export type TreasuryConfig = z.infer<typeof treasuryConfig>

import { z } from 'zod'
import { address, uintString } from '#verifier/evidence/primitives.ts'
import { intent } from '#verifier/evidence/records/decision.ts'

/** Table tests of a policy: `warrant policy test`. */
export const policyTests = z.strictObject({
  policy: z.string().describe('the policy; relative to this file'),
  oracleTick: z.int().describe("the oracle's price, as a tick of the policy's first pool"),
  balances: z.record(z.string(), uintString).default({}).describe('what the Safe holds, by symbol, base units'),
  cases: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        intents: z.array(intent).min(1),
        validitySeconds: z.int().min(0).default(600),
        balances: z.record(z.string(), uintString).optional(),
        before: z
          .array(
            z.strictObject({
              usd: z.int().min(0),
              secondsAgo: z.int().min(0),
              status: z.enum(['reserved', 'executed', 'failed', 'expired']).default('executed'),
            }),
          )
          .default([])
          .describe('what was signed before, oldest first'),
        highestUsd: z.int().min(0).default(0).describe("the treasury's highest value so far"),
        approvedBy: z.array(address).default([]),
        rejectedBy: z.array(address).default([]),
        expect: z.enum(['allow', 'deny']),
        because: z.string().optional().describe('part of the reason'),
      }),
    )
    .min(1),
})
export type PolicyTests = z.infer<typeof policyTests>

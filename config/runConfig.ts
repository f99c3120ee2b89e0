import { z } from 'zod'
import { liveMarketSource } from '#runtime/market/openSource.ts'
import { registeredWorker } from './registeredWorker.ts'

/** Configuration of `warrant run`. Paths are relative to the file. */
export const runConfig = z.strictObject({
  strategy: z.string().min(1).describe('a built-in strategy by name, or the path of a module'),
  params: z.json().default({}),
  market: liveMarketSource.describe('swaps: only with --live'),
  out: z.string().min(1).describe('a new directory: log and keys'),
  decisions: z.int().min(1).optional(),
  feeBps: z.number().min(0).max(9_999).default(5),
  seed: z.string().min(1).max(100).default('1'),
  paceMs: z.int().min(0).max(86_400_000).default(0).describe('wait between ticks; 0: as fast as the strategy decides'),
  inference: z
    .strictObject({
      redis: z.url().describe('carries jobs to the workers'),
      workers: z.array(registeredWorker).min(1).describe('whose receipts count; the policy must list their keys too'),
      timeoutMs: z.int().min(1).max(600_000).default(10_000),
    })
    .optional()
    .describe('workers elsewhere, with --live: without it, and on paper, models run in this process'),
  treasury: z
    .strictObject({
      rpc: z.url(),
      policy: z.string().describe('policy file; its digest must be the one in the module'),
      verifiers: z
        .array(
          z.union([
            z.url().transform(url => ({ url, token: null })),
            z.strictObject({ url: z.url(), token: z.string().nullable().default(null) }),
          ]),
        )
        .min(1)
        .describe('URLs, or { url, token } with the file of the token that its verifier lists'),
      threshold: z.int().min(1),
      answerWithinSeconds: z
        .int()
        .min(1)
        .max(600)
        .default(30)
        .describe('how long a verifier is waited for; enough others are not kept waiting'),
      guard: z
        .string()
        .regex(/^0x[0-9a-f]{40}$/)
        .nullable()
        .default(null),
      executorKey: z
        .string()
        .describe('the executor: a key or keystore file, env:NAME, or a remote signer as URL#0xADDRESS'),
      confirmations: z
        .int()
        .min(1)
        .max(1_000)
        .default(1)
        .describe('blocks that a transaction is followed for, its own included: 1 where blocks are final'),
      stuckSeconds: z
        .int()
        .min(1)
        .max(86_400)
        .default(60)
        .describe('after that a transaction is sent again with higher fees'),
      logOrigin: z.string().regex(/^[^+\s]+$/),
      approvals: z
        .strictObject({
          dir: z.string().describe('where requests and answers lie, see warrant approve'),
          waitSeconds: z
            .int()
            .min(1)
            .optional()
            .describe(
              "chain time that people have before a proposal is abandoned; default: all that the policy's approvals.validitySeconds gives them",
            ),
        })
        .optional()
        .describe("needed where the policy's approvals.aboveUsd is set"),
      webhook: z.url().optional().describe('gets alarms of this run as JSON by POST: what is approved and not sent'),
      quorum: z.string().optional().describe('quorum file: the witnesses to ask for cosignatures of the log'),
    })
    .optional()
    .describe('what --live acts on'),
})
export type RunConfig = z.infer<typeof runConfig>

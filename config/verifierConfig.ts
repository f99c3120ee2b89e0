import { z } from 'zod'
import { liveMarketSource } from '#runtime/market/openSource.ts'
import { httpClients } from '#verifier/service/http/clients.ts'

/** Configuration of `warrant verifier`. Paths are relative to the file. */
export const verifierConfig = z.strictObject({
  listen: z.strictObject({ host: z.string().default('127.0.0.1'), port: z.int().min(0).max(65_535) }),
  clients: httpClients
    .optional()
    .describe('who may ask, each by the SHA-256 of its token (warrant token): must be there beyond loopback'),
  policy: z.string().describe('policy file, YAML or JSON'),
  logKey: z.string().describe("the log's verification key"),
  rpc: z.url().describe('JSON-RPC of the chain: your own node'),
  key: z.string().describe('key file, see warrant verifier key'),
  journal: z.string().describe('what it saw, promised and signed: never share or restore it'),
  market: liveMarketSource.describe('its own market data'),
  watch: z
    .strictObject({
      everySeconds: z.number().positive().default(30),
      webhook: z.url().optional().describe('gets each alarm as JSON by POST'),
      guardianKey: z
        .string()
        .optional()
        .describe("the module's guardian, which pauses where the policy says so: named like an executorKey"),
    })
    .optional()
    .describe('looks after execution: what in the treasury changed, and was it explained'),
})
export type VerifierConfig = z.infer<typeof verifierConfig>

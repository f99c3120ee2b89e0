import { z } from 'zod'

/** A worker whose receipts are accepted. */
export const registeredWorker = z.strictObject({
  id: z.string().min(1).max(200),
  operator: z.string().min(1).max(200).describe('who runs it: workers of one operator are one voice'),
  publicKey: z.string().regex(/^[0-9a-f]{64}$/, 'must be the 64 hexadecimal digits that the worker prints'),
  attested: z.boolean().default(false).describe('started with --attestation: it can prove by tee'),
})

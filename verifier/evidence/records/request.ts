import { z } from 'zod'
import { count, digest, label, leafHash, textBytes } from '../primitives.ts'
import { tensor } from '../tensor.ts'

/** What goes into a model: a tensor, or the exact JSON text of a chat request: an entry's 65,535 bytes, less the rest of its record. */
export const modelInput = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('tensor'), tensor }),
  z.strictObject({ type: z.literal('chat'), body: textBytes(64_500) }),
])
export type ModelInput = z.infer<typeof modelInput>

/** A model request, logged before it is dispatched: its leaf hash is the nonce, its number leaves no gap. */
export const request = z.strictObject({
  agent: label,
  /** Numbered by the gateway from 0 per agent and run, without gaps. */
  number: count,
  tick: count,
  /** Null for a request that comes to a gateway from outside of a run. */
  observation: leafHash.nullable(),
  model: digest,
  numeric: label,
  input: modelInput,
  inputDigest: digest,
  proofKind: label,
})
export type Request = z.infer<typeof request>

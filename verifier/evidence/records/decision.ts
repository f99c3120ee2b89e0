import { z } from 'zod'
import { address, count, digest, label, leafHash, reason, uintString } from '../primitives.ts'

/** What a strategy wants. Amounts in token base units; `minBuy` is the least it accepts, pool fee included. */
export const intent = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('swap'), sell: label, buy: label, amountIn: uintString, minBuy: uintString }),
  z.strictObject({ type: z.literal('transfer'), token: label, to: address, amount: uintString }),
  /** Native coins into the token that wraps them, and back. */
  z.strictObject({ type: z.literal('wrap'), token: label, amount: uintString }),
  z.strictObject({ type: z.literal('unwrap'), token: label, amount: uintString }),
])
export type Intent = z.infer<typeof intent>

/** One use of a door, in order: what was asked, and which record answered. */
export const doorUse = z.strictObject({
  door: z.enum(['observe', 'infer', 'chat']),
  /** What the strategy asked for: the digest of a model's input; for an observation its leaf hash. */
  asked: digest,
  answer: leafHash,
})
export type DoorUse = z.infer<typeof doorUse>

export const decisionResult = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('intents'), intents: z.array(intent).min(1).max(16), reason }),
  z.strictObject({ type: z.literal('hold'), reason }),
  z.strictObject({ type: z.literal('missed'), reason }),
])
export type DecisionResult = z.infer<typeof decisionResult>

/** How a scheduled tick ended: exactly one per tick. */
export const decision = z.strictObject({
  agent: label,
  tick: count,
  observation: leafHash.nullable(),
  strategy: digest,
  params: digest,
  doors: z.array(doorUse).max(1_024),
  result: decisionResult,
})
export type Decision = z.infer<typeof decision>

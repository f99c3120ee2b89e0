import { z } from 'zod'
import {
  address,
  count,
  digest,
  ed25519Signature,
  hexData,
  intString,
  label,
  leafHash,
  uintString,
} from '../primitives.ts'

export const call = z.strictObject({ to: address, value: uintString, data: hexData })
export type Call = z.infer<typeof call>

/** Bound kinds of WarrantModule; the number is the wire value. */
export const BOUND_KINDS = { balanceChangeAtLeast: 0, debtAtMost: 1, erc721Owned: 2, healthFactorAtLeast: 3 } as const

/** A typed assertion about the Safe after the calls, checked on chain. For kind 0: balance(target) − before ≥ limit. */
export const bound = z.strictObject({
  kind: z.int().min(0).max(255),
  target: address,
  id: uintString,
  limit: intString,
})
export type Bound = z.infer<typeof bound>

/** Exact calls and bounds awaiting a verdict. */
export const proposal = z.strictObject({
  agent: label,
  decision: leafHash,
  chainId: count,
  safe: address,
  module: address,
  nonce: uintString,
  calls: z.array(call).min(1).max(32),
  bounds: z.array(bound).min(1).max(32),
  policyDigest: digest,
  executor: address,
  /** Chain time in seconds after which the module refuses. */
  validUntil: count,
  /** The agent's Ed25519 signature over the rest of this body, domain `proposal`. */
  signature: ed25519Signature,
})
export type Proposal = z.infer<typeof proposal>

import { z } from 'zod'
import {
  address,
  blobRef,
  count,
  digest,
  hex32,
  intString,
  label,
  leafHash,
  reason,
  secp256k1Signature,
} from '../primitives.ts'

/** The nine checks of evidence.md §5, by name and in order. */
export const CHECK_IDS = [
  'log',
  'identity',
  'proofs',
  'observation',
  'decision',
  'calldata',
  'simulation',
  'policy',
  'bounds',
] as const
export type CheckId = (typeof CHECK_IDS)[number]

/** `ok: null` means that what it must know was not to be had, which denies as well. `rule`: the first that it breaks. */
export const checkResult = z.strictObject({
  id: z.enum(CHECK_IDS),
  ok: z.boolean().nullable(),
  rule: label.nullable(),
  detail: reason,
  assumptions: z.array(reason).max(32),
})
export type CheckResult = z.infer<typeof checkResult>

export const balanceChange = z.strictObject({ asset: label, token: address, change: intString })
export type BalanceChange = z.infer<typeof balanceChange>

export const approvalLeft = z.strictObject({ token: address, spender: address, allowance: label })

export const simulation = z.strictObject({
  blockNumber: count,
  status: z.enum(['success', 'reverted']),
  changes: z.array(balanceChange).max(64),
  approvals: z.array(approvalLeft).max(64),
})
export type Simulation = z.infer<typeof simulation>

/** The verifier's answer, with every check. `signature` is EIP-712 over the Verdict struct and null when it denies. */
export const verdict = z.strictObject({
  proposal: leafHash,
  proposalDigest: digest,
  answer: z.enum(['approve', 'deny']),
  checks: z.array(checkResult).length(CHECK_IDS.length),
  /** What the checks rest on (judge/facts.ts), a payload: with the log and the policy, the same checks follow from it. */
  facts: blobRef,
  simulation: simulation.nullable(),
  valueAtRiskUsd: count.nullable(),
  /** Entries of the log that the verifier had seen. */
  checkpointSize: count,
  /** The last verdict of this signer among those entries: who leaves one out breaks the chain. Null: there is none. */
  previous: leafHash.nullable(),
  refBlock: count,
  refBlockHash: hex32,
  /** That block's time, seconds. */
  refTime: count,
  /** Last second, in chain time, at which the module takes the signature: the proposal's deadline, or earlier. */
  validUntil: count,
  signer: address,
  signature: secp256k1Signature.nullable(),
  /** EIP-191 signature over the rest of this body, domain `verdict-report`: a denial is signed as well. */
  reportSignature: secp256k1Signature,
})
export type Verdict = z.infer<typeof verdict>

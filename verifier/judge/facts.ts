import { z } from 'zod'
import { canonicalBytes, parseCanonical } from '#verifier/evidence/canonical.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import {
  address,
  count,
  digest,
  hex32,
  hexData,
  label,
  leafHash,
  reason,
  timeMs,
} from '#verifier/evidence/primitives.ts'
import { simulation } from '#verifier/evidence/records/verdict.ts'

/** What was asked and answered, or why there is no answer. */
const told = <T extends z.ZodType>(value: T) => z.union([z.strictObject({ value }), z.strictObject({ failed: reason })])
export type Told<T> = { value: T } | { failed: string }

const block = z.strictObject({ number: count, hash: hex32, timestamp: count })
const tick = z.int().min(-887_272).max(887_272)

/** A check of one answer's proof, or of running its model again. `kind`: what held, `a+b` for several. */
const proofFact = z.strictObject({
  request: count,
  by: z.enum(['proof', 'replay']),
  kind: label,
  ok: z.boolean(),
  detail: reason,
  assumptions: z.array(reason).max(32),
})
export type ProofFact = z.infer<typeof proofFact>

/** The largest difference between an observation's bars and the verifier's own; null: every bar is the same. */
const barsFact = z
  .strictObject({
    worst: z
      .strictObject({ timeSeconds: count, column: z.enum(['open', 'high', 'low', 'close']), observed: tick, own: tick })
      .nullable(),
  })
  .nullable()
export type BarsFact = z.infer<typeof barsFact>

const difference = z.strictObject({ field: label, recorded: z.string().max(300), rederived: z.string().max(300) })

/**
 * Everything that a verdict rests on beside the log, as plain data (evidence.md §5). Its canonical bytes are a payload of the
 * log, and its digest stands in the verdict. What the log holds is named, not copied.
 */
export const facts = z.strictObject({
  version: z.literal(1),
  /** The proposal that they are about, by leaf hash. */
  proposal: leafHash,
  /** This verifier's clock. */
  nowMs: timeMs,
  /** How long gathering and judging took, microseconds. */
  tookMicros: count,
  /** The block that it judges on. */
  head: block,

  // From the log: a replay derives it again.
  log: z.strictObject({
    size: count,
    /** What is wrong with the log, the first of it; null: nothing. */
    fault: reason.nullable(),
    /** Witnesses of the policy that cosigned the checkpoint, each once. */
    cosigned: z.array(z.strictObject({ name: label, timeSeconds: count })).max(64),
  }),
  /** How the decision, made again, differs; null: it does not. */
  decision: told(difference.nullable()).optional(),
  /** What the strategy's bundle says that it looks at. */
  manifest: told(z.strictObject({ intervalSeconds: count, window: count })).optional(),
  proofs: z.array(proofFact).max(2_048),

  // From this verifier alone.
  journal: z.strictObject({
    /** The proposal that it has promised this nonce to, where that is another one. */
    nonceSignedFor: digest.nullable(),
    /** What it may have signed in another life of its key, and which may still be executed. */
    maybeSigned: z.strictObject({ proposalDigest: digest, validUntil: count }).nullable(),
    highestTreasuryUsd: count,
    /** What it has signed itself, though the log calls it denied: an approval may be held back. Absent: nothing. */
    signedYetDenied: z.array(digest).min(1).max(1_024).optional(),
  }),

  // From its market source.
  market: z.strictObject({
    source: reason,
    tick: told(tick.nullable()).optional(),
    bars: told(barsFact).optional(),
  }),

  // From the chain, by its own node.
  blocks: z.array(z.strictObject({ number: count, block: told(block.nullable()) })).max(64),
  reads: z
    .array(
      z.union([
        z.strictObject({ block: count, to: address, data: hexData, result: hexData }),
        z.strictObject({ block: count, to: address, data: hexData, failed: reason }),
      ]),
    )
    .max(4_096),
  simulation: told(simulation).optional(),
})
export type Facts = z.infer<typeof facts>

/** Largest facts that are read. */
export const MOST_FACTS_BYTES = 1 << 20

/** The payload of facts: canonical JSON. */
export const encodeFacts = (value: Facts): Uint8Array => canonicalBytes(value)

/** Facts from a payload. @throws EVIDENCE_MALFORMED naming the field */
export function decodeFacts(bytes: Uint8Array): Facts {
  if (bytes.length > MOST_FACTS_BYTES)
    throw new WarrantError('EVIDENCE_MALFORMED', `facts of ${bytes.length} bytes; the most is ${MOST_FACTS_BYTES}`)
  const parsed = facts.safeParse(parseCanonical(bytes))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new WarrantError('EVIDENCE_MALFORMED', `facts: ${issue?.path.join('.') || '(root)'}: ${issue?.message}`)
}

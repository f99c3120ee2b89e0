import { z } from 'zod'
import { type BlobRef, blobRef } from '../primitives.ts'
import { receipt } from './receipt.ts'

/** Characters of a payload of a proof that stand in the record itself. */
export const MOST_INLINE = 16_384

/** Bytes that a proof carries: here in base64 when they are few, else among the log's payloads. */
const carried = z.union([z.strictObject({ inline: z.base64().max(MOST_INLINE) }), blobRef])
export type Carried = z.infer<typeof carried>

const receipts = z.array(receipt).min(1).max(15)

/** What a proof of one kind holds beyond the receipt; an unknown kind is refused. */
const single = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('signed') }),
  z.strictObject({ kind: z.literal('replay') }),
  /** The int32 accumulators of every linear op, little-endian. */
  z.strictObject({ kind: z.literal('freivalds'), trace: carried }),
  /** What workers of other operators signed about the same request. */
  z.strictObject({ kind: z.literal('quorum'), receipts }),
  z.strictObject({ kind: z.literal('refereed'), receipts }),
  /** An attestation of the platform that the worker's key lives on. */
  z.strictObject({ kind: z.literal('tee'), attestation: carried }),
  /** An OpenGradient gateway's RSA key (SPKI, DER) and its attestation; what it signed stands in the answer itself. */
  z.strictObject({ kind: z.literal('opengradient'), publicKey: z.base64().max(2_048), attestation: carried }),
])
export type SingleProof = z.infer<typeof single>

/** One proof, or several of different kinds for one answer, in alphabetical order. */
export const proof = z.discriminatedUnion('kind', [
  ...single.options,
  z.strictObject({
    kind: z.literal('all'),
    proofs: z
      .array(single)
      .min(2)
      .max(6)
      .refine(
        proofs => proofs.every(({ kind }, i) => i === 0 || (proofs[i - 1]?.kind as string) < kind),
        'must be in alphabetical order, each kind once',
      ),
  }),
])
export type Proof = z.infer<typeof proof>

/** The proofs that an answer carries, one by one. */
export function proofsOf(proof: Proof): readonly SingleProof[] {
  return proof.kind === 'all' ? proof.proofs : [proof]
}

/** How requests and receipts name what an answer is proven by: its kinds, `+` between them. */
export function proofName(proof: Proof): string {
  return proofsOf(proof)
    .map(({ kind }) => kind)
    .join('+')
}

/** The kinds that such a name asks for. */
export function kindsIn(name: string): string[] {
  return name.split('+')
}

/** The proof of one kind that an answer carries, or null. */
export function proofIn<K extends SingleProof['kind']>(
  proof: Proof,
  kind: K,
): Extract<SingleProof, { kind: K }> | null {
  const found = proofsOf(proof).find(one => one.kind === kind)
  return (found as Extract<SingleProof, { kind: K }> | undefined) ?? null
}

/** Payloads of the log that a proof names. */
export function payloadsOf(proof: Proof): { field: 'trace' | 'attestation'; ref: BlobRef }[] {
  return proofsOf(proof).flatMap(one => {
    const field = 'trace' in one ? 'trace' : 'attestation'
    const held = 'trace' in one ? one.trace : 'attestation' in one ? one.attestation : null
    return held !== null && 'sha256' in held ? [{ field, ref: held }] : []
  })
}

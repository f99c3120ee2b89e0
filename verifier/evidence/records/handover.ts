import { z } from 'zod'
import { canonicalBytes } from '../canonical.ts'
import { domainBytes } from '../digest.ts'
import { count, digest, ed25519Signature, label } from '../primitives.ts'

/** From here on the log is signed by another key. It stands between runs, and belongs to none. */
export const handover = z.strictObject({
  /** Verification keys: the one in force, and the next. */
  from: label,
  to: label,
  /** The tree that was handed over: the entries before this one, and their root. */
  size: count,
  root: digest,
  /** Ed25519 by both keys over `handoverBytes`: the old one lets go, the new one takes up. */
  signatures: z.strictObject({ from: ed25519Signature, to: ed25519Signature }),
})
export type Handover = z.infer<typeof handover>

/** The bytes that both keys sign, domain `handover`: keys, size and root. */
export function handoverBytes({ from, to, size, root }: Omit<Handover, 'signatures'>): Uint8Array {
  return domainBytes('handover', canonicalBytes({ from, to, size, root }))
}

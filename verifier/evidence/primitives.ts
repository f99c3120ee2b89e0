import { z } from 'zod'
import { utf8 } from './bytes.ts'
import type { Json } from './canonical.ts'

/** SHA-256 digest: 64 lower-case hexadecimal digits. */
export const digest = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits')
/** RFC 6962 leaf hash of a log entry; how records name each other. */
export const leafHash = digest
/** Lower-case EVM address. */
export const address = z.string().regex(/^0x[0-9a-f]{40}$/, 'expected a lower-case 0x address')
/** 32 bytes with 0x. */
export const hex32 = z.string().regex(/^0x[0-9a-f]{64}$/, 'expected 0x and 64 lower-case hex digits')
/** Bytes with 0x. */
export const hexData = z.string().regex(/^0x(?:[0-9a-f]{2})*$/, 'expected lower-case 0x bytes')
/** Ed25519 public key: 32 bytes in hex. */
export const ed25519Key = digest
/** Ed25519 signature: 64 bytes in hex. */
export const ed25519Signature = z.string().regex(/^[0-9a-f]{128}$/)
/** secp256k1 signature r ‖ s ‖ v: 65 bytes with 0x. */
export const secp256k1Signature = z.string().regex(/^0x[0-9a-f]{130}$/)
/** A refinement runs on what its pattern has refused too: BigInt would throw there. */
const DECIMAL = /^-?[0-9]{1,78}$/

/** Unsigned integer of up to 256 bits as a decimal string. */
export const uintString = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,77})$/, 'expected a decimal integer without sign or leading zeros')
  .refine(text => !DECIMAL.test(text) || BigInt(text) < 1n << 256n, 'exceeds 256 bits')
/** Signed integer of up to 256 bits as a decimal string. */
export const intString = z
  .string()
  .regex(/^(?:0|-?[1-9][0-9]{0,77})$/, 'expected a decimal integer without leading zeros')
  .refine(
    text => !DECIMAL.test(text) || (BigInt(text) >= -(1n << 255n) && BigInt(text) < 1n << 255n),
    'exceeds 256 bits',
  )
/** Count, index, milliseconds: a safe integer ≥ 0. */
export const count = z.int().min(0)
/** Milliseconds since 1970, UTC. */
export const timeMs = count
/** Short printable text: names, reasons. */
export const label = z.string().min(1).max(200)
export const reason = z.string().min(1).max(2_000)
/** Text of at most so many bytes as a record holds it: UTF-8, quotes and control characters escaped. */
export const textBytes = (most: number) =>
  z.string().superRefine((text, context) => {
    if (!text.isWellFormed()) context.addIssue('holds half of a surrogate pair: no Unicode text')
    const bytes = utf8(JSON.stringify(text)).length - 2
    if (bytes > most) context.addIssue(`takes ${bytes} bytes in its record; the most is ${most}`)
  })
/** A payload outside the entry, named by the SHA-256 of its bytes. */
export const blobRef = z.strictObject({ sha256: digest, size: count })

export type BlobRef = z.infer<typeof blobRef>

/** Any JSON value: the encoder refuses what has no canonical form, and the decoder reads nothing else. */
export const json = z.custom<Json>(value => value !== undefined, 'expected a JSON value')

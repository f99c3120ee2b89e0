import { concat, equalBytes, utf8 } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { verifyMlDsa44 } from './mlDsa44.ts'
import {
  COSIGNATURE_ED25519,
  COSIGNATURE_ML_DSA_44,
  formatVkey,
  type NoteKey,
  type NoteSignature,
  parseTypedVkey,
  type SignedNote,
  typedKey,
} from './signedNote.ts'
import { parseTreeHead } from './treeHead.ts'

/** Bytes of a cosignature: eight of time, then the signature (C2SP tlog-cosignature, "Format"). */
const BYTES = { [COSIGNATURE_ED25519]: 8 + 64, [COSIGNATURE_ML_DSA_44]: 8 + 2_420 } as const

/** A witness's Ed25519 key: its id covers the cosignature type, so it is another key than a log's of the same name. */
export function witnessKey(crypto: CryptoPort, name: string, publicKey: Uint8Array): NoteKey {
  return typedKey(crypto, name, COSIGNATURE_ED25519, publicKey)
}

/** A witness's ML-DSA-44 key, which a quantum computer does not break. */
export function mlDsaWitnessKey(crypto: CryptoPort, name: string, publicKey: Uint8Array): NoteKey {
  return typedKey(crypto, name, COSIGNATURE_ML_DSA_44, publicKey)
}

/** The key as text: `name+id+base64(type ‖ key)`. */
export const formatWitnessVkey = formatVkey

/** A witness's key from its text: Ed25519 or ML-DSA-44. @throws BAD_INPUT */
export function parseWitnessVkey(crypto: CryptoPort, text: string): NoteKey {
  const types = [COSIGNATURE_ED25519, COSIGNATURE_ML_DSA_44] as const
  return parseTypedVkey(crypto, text, { types, what: "a witness's key" })
}

/**
 * What a witness signs of a checkpoint's text at a time (seconds since 1970). Of Ed25519 the whole text; of ML-DSA-44 the
 * tree head and its own name, not extension lines.
 *
 * @throws EVIDENCE_MALFORMED when ML-DSA-44 has no message for it: a name or origin above 255 bytes
 */
export function cosignatureMessage(key: Pick<NoteKey, 'type' | 'name'>, noteText: string, timeSeconds: number) {
  if (key.type === COSIGNATURE_ED25519) return utf8(`cosignature/v1\ntime ${timeSeconds}\n${noteText}`)
  const { origin, size, root } = parseTreeHead(noteText)
  const [start, end] = [uint64(0n), uint64(size)]
  return concat(
    utf8('subtree/v1\n\0'),
    opaque(key.name),
    uint64(BigInt(timeSeconds)),
    opaque(origin),
    ...[start, end, root],
  )
}

/** A cosignature as a note signature. */
export function encodeCosignature(key: NoteKey, timeSeconds: number, signature: Uint8Array): NoteSignature {
  return { name: key.name, id: key.id, signature: concat(uint64(BigInt(timeSeconds)), signature) }
}

/** When `key` cosigned the note, in seconds; null when it did not, or its signature is wrong or says no time. */
export function cosignedAt(crypto: CryptoPort, note: SignedNote, key: NoteKey): number | null {
  const own = note.signatures.find(({ name, id }) => name === key.name && equalBytes(id, key.id))
  if (own === undefined || (key.type !== COSIGNATURE_ED25519 && key.type !== COSIGNATURE_ML_DSA_44)) return null
  const { signature } = own
  if (signature.length !== BYTES[key.type]) return null
  const time = new DataView(signature.buffer, signature.byteOffset, 8).getBigUint64(0)
  if (time === 0n || time > BigInt(Number.MAX_SAFE_INTEGER)) return null
  let message: Uint8Array
  try {
    message = cosignatureMessage(key, note.text, Number(time))
  } catch {
    return null
  }
  const verify = key.type === COSIGNATURE_ED25519 ? crypto.verifyEd25519 : verifyMlDsa44
  return verify(key.publicKey, message, signature.slice(8)) ? Number(time) : null
}

function uint64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value)
  return bytes
}

/** A string after its length in one byte (RFC 8446 §3.4). */
function opaque(text: string): Uint8Array {
  const bytes = utf8(text)
  if (bytes.length === 0 || bytes.length > 255)
    throw new WarrantError('EVIDENCE_MALFORMED', `${bytes.length} bytes of name are not 1 to 255`)
  return concat(Uint8Array.of(bytes.length), bytes)
}

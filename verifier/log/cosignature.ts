import { concat, equalBytes, fromBase64, toBase64, toHex, utf8 } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { NoteKey, NoteSignature, SignedNote } from './signedNote.ts'

/** Signature type byte of a timestamped Ed25519 cosignature (C2SP tlog-cosignature, "Format"). */
const COSIGNATURE_V1 = 0x04

/** A witness's key: its id covers the cosignature type, so it is another key than a log's of the same name. */
export function witnessKey(crypto: CryptoPort, name: string, publicKey: Uint8Array): NoteKey {
  const id = crypto.sha256(concat(utf8(`${name}\n`), Uint8Array.of(COSIGNATURE_V1), publicKey)).slice(0, 4)
  return { name, id, publicKey }
}

/** The key as text: `name+id+base64(0x04 ‖ key)`. */
export function formatWitnessVkey(key: NoteKey): string {
  return `${key.name}+${toHex(key.id)}+${toBase64(concat(Uint8Array.of(COSIGNATURE_V1), key.publicKey))}`
}

/** A witness's key from its text. @throws BAD_INPUT */
export function parseWitnessVkey(crypto: CryptoPort, text: string): NoteKey {
  const match = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(text)
  const bytes = match === null ? new Uint8Array(0) : fromBase64(match[3] as string)
  if (match === null || bytes.length !== 33 || bytes[0] !== COSIGNATURE_V1) {
    throw new WarrantError('BAD_INPUT', `not a witness key: ${text.slice(0, 100)}`)
  }
  const key = witnessKey(crypto, match[1] as string, bytes.slice(1))
  if (toHex(key.id) !== match[2])
    throw new WarrantError('BAD_INPUT', 'witness key: the id does not match its name and key')
  return key
}

/** What a witness signs: that it saw this note text at this time (seconds since 1970). */
export function cosignatureMessage(noteText: string, timeSeconds: number): Uint8Array {
  return utf8(`cosignature/v1\ntime ${timeSeconds}\n${noteText}`)
}

/** A cosignature as a note signature: 8 bytes of time, 64 of Ed25519. */
export function encodeCosignature(key: NoteKey, timeSeconds: number, signature: Uint8Array): NoteSignature {
  const time = new Uint8Array(8)
  new DataView(time.buffer).setBigUint64(0, BigInt(timeSeconds))
  return { name: key.name, id: key.id, signature: concat(time, signature) }
}

/** When `key` cosigned the note, in seconds; null when it did not, or its signature is wrong. */
export function cosignedAt(crypto: CryptoPort, note: SignedNote, key: NoteKey): number | null {
  for (const { name, id, signature } of note.signatures) {
    if (name !== key.name || !equalBytes(id, key.id)) continue
    if (signature.length !== 72) return null
    const time = new DataView(signature.buffer, signature.byteOffset, 8).getBigUint64(0)
    if (time > BigInt(Number.MAX_SAFE_INTEGER)) return null
    const message = cosignatureMessage(note.text, Number(time))
    return crypto.verifyEd25519(key.publicKey, message, signature.slice(8)) ? Number(time) : null
  }
  return null
}

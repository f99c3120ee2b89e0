import { concat, equalBytes, fromBase64, toBase64, toHex, utf8 } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { maskKeys } from '#verifier/evidence/text/redact.ts'
import { showText } from '#verifier/evidence/text/showText.ts'

/** Signature type bytes (C2SP signed-note, "Signature types") that are read here, with the bytes of their public keys. */
export const ED25519 = 0x01
export const COSIGNATURE_ED25519 = 0x04
export const COSIGNATURE_ML_DSA_44 = 0x06
const KEY_BYTES = { [ED25519]: 32, [COSIGNATURE_ED25519]: 32, [COSIGNATURE_ML_DSA_44]: 1_312 } as const
export type SignatureType = keyof typeof KEY_BYTES
const MAX_NOTE_BYTES = 1_000_000
const MAX_SIGNATURES = 100
/** A key's name: no Unicode space, and JavaScript's own class of them lacks U+0085. */
const NAME = '[^+\\s\\u0085]+'
const VKEY = new RegExp(`^(${NAME})\\+([0-9a-f]{8})\\+([A-Za-z0-9+/]+={0,2})$`, 'u')
const SIGNATURE = new RegExp(`^— (${NAME}) ([A-Za-z0-9+/]+={0,2})$`, 'u')
const WHOLE_NAME = new RegExp(`^${NAME}$`, 'u')

/** A note verification key: name, 4-byte key id, what its signatures are, the public key. */
export type NoteKey = { name: string; id: Uint8Array; type: SignatureType; publicKey: Uint8Array }
export type NoteSignature = { name: string; id: Uint8Array; signature: Uint8Array }
export type SignedNote = { text: string; signatures: NoteSignature[] }

/** A key of a type. Its id: SHA-256(name ‖ 0x0A ‖ type ‖ public key), first four bytes. @throws BAD_INPUT */
export function typedKey(crypto: CryptoPort, name: string, type: SignatureType, publicKey: Uint8Array): NoteKey {
  checkName(name)
  if (publicKey.length !== KEY_BYTES[type])
    throw new WarrantError('BAD_INPUT', `verification key: ${publicKey.length} bytes are not ${KEY_BYTES[type]}`)
  const id = crypto.sha256(concat(utf8(`${name}\n`), Uint8Array.of(type), publicKey)).slice(0, 4)
  return { name, id, type, publicKey }
}

/** A log's key: plain Ed25519. */
export function noteKey(crypto: CryptoPort, name: string, publicKey: Uint8Array): NoteKey {
  return typedKey(crypto, name, ED25519, publicKey)
}

/** The key as text: `name+id+base64(type ‖ key)`. */
export function formatVkey({ name, id, type, publicKey }: NoteKey): string {
  return `${name}+${toHex(id)}+${toBase64(concat(Uint8Array.of(type), publicKey))}`
}

/** A key of one of some types from its text. @throws BAD_INPUT when malformed, or when the id does not belong to the name and key */
export function parseTypedVkey(
  crypto: CryptoPort,
  text: string,
  { types, what }: { types: readonly SignatureType[]; what: string },
): NoteKey {
  const match = VKEY.exec(text)
  const bytes = match === null ? null : bytesOf(match[3] as string)
  if (match === null || bytes === null)
    throw new WarrantError('BAD_INPUT', `not a note verification key: ${showText(maskKeys(text), 100)}`)
  const type = types.find(known => known === bytes[0])
  if (type === undefined || bytes.length !== 1 + KEY_BYTES[type])
    throw new WarrantError('BAD_INPUT', `verification key is not ${what}`)
  const key = typedKey(crypto, match[1] as string, type, bytes.slice(1))
  if (toHex(key.id) !== match[2])
    throw new WarrantError('BAD_INPUT', 'verification key: the id does not match its name and key')
  return key
}

/** A log's key from its text. @throws BAD_INPUT */
export function parseVkey(crypto: CryptoPort, text: string): NoteKey {
  return parseTypedVkey(crypto, text, { types: [ED25519], what: 'Ed25519' })
}

/** A note: `text` (which ends in a newline), an empty line, one line per signature. */
export function formatNote(text: string, signatures: readonly NoteSignature[]): string {
  const lines = signatures.map(s => `— ${s.name} ${toBase64(concat(s.id, s.signature))}\n`)
  return `${text}\n${lines.join('')}`
}

/** A note's parts, unverified. @throws EVIDENCE_MALFORMED */
export function parseNote(note: string): SignedNote {
  if (utf8(note).length > MAX_NOTE_BYTES) throw malformed('too large')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the spec forbids exactly these
  if (/[\u0000-\u0009\u000b-\u001f]/.test(note)) throw malformed('control character')
  const split = note.lastIndexOf('\n\n')
  if (split < 0 || !note.endsWith('\n')) throw malformed('no signature block')
  const lines = note.slice(split + 2, -1).split('\n')
  if (lines.length > MAX_SIGNATURES) throw malformed('too many signatures')
  const signatures = lines.map(line => {
    const signature = parseSignature(line)
    if (signature === null) throw malformed('signature line')
    return signature
  })
  return { text: note.slice(0, split + 1), signatures }
}

/** The signature in a line of a note; null when it is none. */
export function parseSignature(line: string): NoteSignature | null {
  const match = SIGNATURE.exec(line)
  const bytes = match === null ? null : bytesOf(match[2] as string)
  if (match === null || bytes === null || bytes.length < 5) return null
  return { name: match[1] as string, id: bytes.slice(0, 4), signature: bytes.slice(4) }
}

function bytesOf(base64: string): Uint8Array | null {
  try {
    return fromBase64(base64)
  } catch {
    return null
  }
}

/**
 * The signatures of a note that name a key, all of which verify; null where one of them does not: such a note is
 * malformed. Other keys' are ignored, whatever they are.
 */
export function noteSignaturesOf(crypto: CryptoPort, note: SignedNote, key: NoteKey): NoteSignature[] | null {
  const own = note.signatures.filter(s => s.name === key.name && equalBytes(s.id, key.id))
  const text = utf8(note.text)
  return own.every(s => crypto.verifyEd25519(key.publicKey, text, s.signature)) ? own : null
}

/** Whether `key` signed the note. A signature that names the key and fails is fatal; other keys' are ignored. */
export function noteSignedBy(crypto: CryptoPort, note: SignedNote, key: NoteKey): boolean {
  return (noteSignaturesOf(crypto, note, key) ?? []).length > 0
}

function checkName(name: string): void {
  if (!WHOLE_NAME.test(name))
    throw new WarrantError('BAD_INPUT', `key name must not be empty or hold spaces or "+": ${name}`)
}

function malformed(reason: string): WarrantError {
  return new WarrantError('EVIDENCE_MALFORMED', `signed note: ${reason}`)
}

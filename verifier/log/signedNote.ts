import { concat, equalBytes, fromBase64, toBase64, toHex, utf8 } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { maskKeys } from '#verifier/evidence/text/redact.ts'
import { showText } from '#verifier/evidence/text/showText.ts'

/** Signature type byte of a plain Ed25519 signature (C2SP signed-note, "Signature types"). */
const ED25519 = 0x01
const MAX_NOTE_BYTES = 1_000_000
const MAX_SIGNATURES = 100

/** A note verification key: name, 4-byte key id, 32-byte Ed25519 key. */
export type NoteKey = { name: string; id: Uint8Array; publicKey: Uint8Array }
export type NoteSignature = { name: string; id: Uint8Array; signature: Uint8Array }
export type SignedNote = { text: string; signatures: NoteSignature[] }

/** Key id: SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key), first four bytes. */
export function noteKey(crypto: CryptoPort, name: string, publicKey: Uint8Array): NoteKey {
  checkName(name)
  const id = crypto.sha256(concat(utf8(`${name}\n`), Uint8Array.of(ED25519), publicKey)).slice(0, 4)
  return { name, id, publicKey }
}

/** The key as text: `name+id+base64(0x01 ‖ key)`. */
export function formatVkey(key: NoteKey): string {
  return `${key.name}+${toHex(key.id)}+${toBase64(concat(Uint8Array.of(ED25519), key.publicKey))}`
}

/** A key from its text. @throws BAD_INPUT when malformed, or when the id does not belong to the name and key */
export function parseVkey(crypto: CryptoPort, text: string): NoteKey {
  const match = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(text)
  if (match === null)
    throw new WarrantError('BAD_INPUT', `not a note verification key: ${showText(maskKeys(text), 100)}`)
  const [, name = '', id = '', encoded = ''] = match
  const bytes = fromBase64(encoded)
  if (bytes.length !== 33 || bytes[0] !== ED25519)
    throw new WarrantError('BAD_INPUT', 'verification key is not Ed25519')
  const key = noteKey(crypto, name, bytes.slice(1))
  if (toHex(key.id) !== id)
    throw new WarrantError('BAD_INPUT', 'verification key: the id does not match its name and key')
  return key
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
  const match = /^— ([^+\s]+) ([A-Za-z0-9+/]+={0,2})$/.exec(line)
  if (match === null) return null
  try {
    const bytes = fromBase64(match[2] as string)
    return bytes.length < 5 ? null : { name: match[1] as string, id: bytes.slice(0, 4), signature: bytes.slice(4) }
  } catch {
    return null
  }
}

/** Whether `key` signed the note. A signature that names the key and fails is fatal; other keys' are ignored. */
export function noteSignedBy(crypto: CryptoPort, note: SignedNote, key: NoteKey): boolean {
  const own = note.signatures.filter(s => s.name === key.name && equalBytes(s.id, key.id))
  return own.length > 0 && own.every(s => crypto.verifyEd25519(key.publicKey, utf8(note.text), s.signature))
}

function checkName(name: string): void {
  if (!/^[^+\s]+$/u.test(name))
    throw new WarrantError('BAD_INPUT', `key name must not be empty or hold spaces or "+": ${name}`)
}

function malformed(reason: string): WarrantError {
  return new WarrantError('EVIDENCE_MALFORMED', `signed note: ${reason}`)
}

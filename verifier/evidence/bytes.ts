import { WarrantError } from './error.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** UTF-8 bytes of a string. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text)
}

/** The string in UTF-8 bytes. @throws EVIDENCE_MALFORMED when they are not UTF-8 */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new WarrantError('EVIDENCE_MALFORMED', 'bytes are not valid UTF-8', { cause })
  }
}

/** Lower-case hexadecimal without a prefix. */
export function toHex(bytes: Uint8Array): string {
  let hex = ''
  for (let i = 0; i < bytes.length; i++) hex += HEX[bytes[i] as number]
  return hex
}

/** Bytes of lower-case hexadecimal without a prefix. @throws EVIDENCE_MALFORMED */
export function fromHex(hex: string): Uint8Array {
  if (!/^(?:[0-9a-f]{2})*$/.test(hex))
    throw new WarrantError('EVIDENCE_MALFORMED', `not lower-case hexadecimal: ${hex.slice(0, 80)}`)
  const bytes = new Uint8Array(hex.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16)
  return bytes
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const VALUES = new Map([...ALPHABET].map((char, value) => [char.charCodeAt(0), value]))

/** Standard base64 with padding (RFC 4648 §4). Written out, because a strategy's sandbox has neither btoa nor Buffer. */
export function toBase64(bytes: Uint8Array): string {
  const parts: string[] = []
  for (let i = 0; i < bytes.length; i += 3) {
    const [a = 0, b, c] = [bytes[i], bytes[i + 1], bytes[i + 2]]
    const bits = (a << 16) | ((b ?? 0) << 8) | (c ?? 0)
    parts.push(
      (ALPHABET[bits >> 18] as string) +
        ALPHABET[(bits >> 12) & 63] +
        (b === undefined ? '=' : ALPHABET[(bits >> 6) & 63]) +
        (c === undefined ? '=' : ALPHABET[bits & 63]),
    )
  }
  return parts.join('')
}

/** Bytes of standard base64; any encoding but the one `toBase64` gives is refused. @throws EVIDENCE_MALFORMED */
export function fromBase64(text: string): Uint8Array {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const bytes = new Uint8Array(Math.max(0, (text.length / 4) * 3 - padding))
  const malformed = () =>
    new WarrantError('EVIDENCE_MALFORMED', `not base64 in its one canonical form: ${text.slice(0, 80)}`)
  if (text.length % 4 !== 0) throw malformed()
  let bits = 0
  for (let i = 0; i < text.length; i++) {
    const value = i >= text.length - padding ? 0 : VALUES.get(text.charCodeAt(i))
    if (value === undefined) throw malformed()
    bits = ((bits << 6) | value) & 0xffffff
    if (i % 4 !== 3) continue
    const at = ((i - 3) / 4) * 3
    for (let j = 0; j < 3; j++) {
      const byte = (bits >> (16 - 8 * j)) & 255
      if (at + j < bytes.length) bytes[at + j] = byte
      // Bits behind the last byte must be zero: else two texts would name the same bytes.
      else if (byte !== 0) throw malformed()
    }
  }
  return bytes
}

/** Concatenation. */
export function concat(...parts: Uint8Array[]): Uint8Array {
  let size = 0
  for (const part of parts) size += part.length
  const joined = new Uint8Array(size)
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

/** Whether two byte strings are the same. Not constant-time: for public data only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

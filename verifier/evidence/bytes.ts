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
/** Six bits by character code; 64 for what is no base64. */
const VALUES = new Uint8Array(128).fill(64)
for (const [value, char] of [...ALPHABET].entries()) VALUES[char.charCodeAt(0)] = value

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

/** Whether a text is what `toBase64` gives for some bytes: standard letters, padded, nothing behind the last byte. */
export function isCanonicalBase64(text: string): boolean {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return false
  if (!text.endsWith('=')) return true
  const isTwo = text.endsWith('==')
  const last = VALUES[text.charCodeAt(text.length - (isTwo ? 3 : 2))] ?? 64
  return (last & (isTwo ? 15 : 3)) === 0
}

/** Bytes of standard base64; any encoding but the one `toBase64` gives is refused. @throws EVIDENCE_MALFORMED */
export function fromBase64(text: string): Uint8Array {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const bytes = new Uint8Array(Math.max(0, (text.length / 4) * 3 - padding))
  const malformed = () =>
    new WarrantError('EVIDENCE_MALFORMED', `not base64 in its one canonical form: ${text.slice(0, 80)}`)
  if (text.length % 4 !== 0) throw malformed()
  const sextet = (at: number): number => {
    const value = at >= text.length - padding ? 0 : (VALUES[text.charCodeAt(at)] ?? 64)
    if (value === 64) throw malformed()
    return value
  }
  for (let i = 0, at = 0; i < text.length; i += 4, at += 3) {
    const bits = (sextet(i) << 18) | (sextet(i + 1) << 12) | (sextet(i + 2) << 6) | sextet(i + 3)
    bytes[at] = bits >> 16
    bytes[at + 1] = (bits >> 8) & 255
    bytes[at + 2] = bits & 255
    // Bits behind the last byte must be zero: else two texts would name the same bytes.
    if (at + 3 > bytes.length && (bits & (padding === 2 ? 0xffff : 0xff)) !== 0) throw malformed()
  }
  return bytes
}

/** Concatenation. */
export function concat(...parts: Uint8Array[]): Uint8Array {
  return concatAll(parts)
}

/** The same of a list, however long: arguments of a call lie on the stack. */
export function concatAll(parts: readonly Uint8Array[]): Uint8Array {
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

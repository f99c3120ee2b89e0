import { utf8 } from './bytes.ts'
import { type CryptoPort, pureCrypto } from './crypto.ts'
import { digestBytes } from './digest.ts'
import { WarrantError } from './error.ts'

/**
 * A strategy's parameters as the text that records hold: RFC 8785 with its floats (which entries themselves may not
 * have), so that one set of parameters has one digest.
 *
 * @throws BAD_INPUT for anything that is not JSON
 */
export function paramsText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(paramsText).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${paramsText(member)}`).join(',')}}`
  }
  const finite = typeof value !== 'number' || Number.isFinite(value)
  const text = finite ? JSON.stringify(value) : undefined
  if (text === undefined) throw new WarrantError('BAD_INPUT', `parameters hold ${String(value)}, which is not JSON`)
  return text
}

/** Digest of parameters in their recorded form. */
export function paramsDigest(text: string, crypto: CryptoPort = pureCrypto): string {
  return digestBytes('params', utf8(text), crypto)
}

import { concat, toHex, utf8 } from './bytes.ts'
import { canonicalBytes } from './canonical.ts'
import { type CryptoPort, pureCrypto } from './crypto.ts'

/** Every domain that is hashed or signed. The version belongs to the meaning of the bytes, not to the software. */
export type Domain =
  | 'blob'
  | 'model'
  | 'strategy'
  | 'params'
  | 'policy'
  | 'config'
  | 'software'
  | 'tensor'
  | 'chat'
  | 'trace'
  | 'coins'
  | 'receipt'
  | 'receipt-batch'
  | 'proposal'
  | 'verdict-report'
  | 'outcome'
  | 'approval'
  | 'append'
  | 'attested-key'
  | 'record'
  | 'handover'

const prefixes = new Map<Domain, Uint8Array>()

/** `warrant/<domain>/v1`, a zero byte. */
function prefixOf(domain: Domain): Uint8Array {
  let prefix = prefixes.get(domain)
  if (prefix === undefined) {
    prefix = utf8(`warrant/${domain}/v1\0`)
    prefixes.set(domain, prefix)
  }
  return prefix
}

/** The bytes that are signed for a domain: its prefix, the content. */
export function domainBytes(domain: Domain, content: Uint8Array): Uint8Array {
  return concat(prefixOf(domain), content)
}

/** SHA-256 of domain-separated bytes, as 64 hexadecimal digits. */
export function digestBytes(domain: Domain, content: Uint8Array, crypto: CryptoPort = pureCrypto): string {
  return toHex(crypto.sha256(prefixOf(domain), content))
}

/** Digest of a value's canonical JSON. @throws EVIDENCE_MALFORMED when it has none */
export function digestJson(domain: Domain, value: unknown, crypto: CryptoPort = pureCrypto): string {
  return digestBytes(domain, canonicalBytes(value), crypto)
}

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

/** The bytes that are hashed or signed for a domain: `warrant/<domain>/v1`, a zero byte, the content. */
export function domainBytes(domain: Domain, content: Uint8Array): Uint8Array {
  return concat(utf8(`warrant/${domain}/v1\0`), content)
}

/** SHA-256 of domain-separated bytes, as 64 hexadecimal digits. */
export function digestBytes(domain: Domain, content: Uint8Array, crypto: CryptoPort = pureCrypto): string {
  return toHex(crypto.sha256(domainBytes(domain, content)))
}

/** Digest of a value's canonical JSON. @throws EVIDENCE_MALFORMED when it has none */
export function digestJson(domain: Domain, value: unknown, crypto: CryptoPort = pureCrypto): string {
  return digestBytes(domain, canonicalBytes(value), crypto)
}

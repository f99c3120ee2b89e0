import { verify } from 'node:crypto'
import { decode, encode, Tokenizer, Type } from 'cborg'
import { ChainFault, certificate, checkChain } from './certificates.ts'
import type { Attested } from './openAttestations.ts'

/** COSE's number for ECDSA with SHA-384 (RFC 9053 §2.1), and where a protected header names the algorithm. */
const ES384 = -35
const ALGORITHM = 1

/** How far ahead of a witness's clock an enclave's may run, ms. */
const CLOCK_SKEW = 300_000

/**
 * An AWS Nitro attestation document: a COSE_Sign1 (RFC 9052 §4.2) by a certificate that the document carries, whose chain
 * ends at AWS's root. PCR0 of zeros means debug mode, whose measurements say nothing: refused.
 *
 * @throws ChainFault what is wrong
 */
export function openNitroDocument(bytes: Uint8Array, { root, atMs }: { root: string; atMs: number }): Attested {
  const envelope = decoded(bytes)
  if (!Array.isArray(envelope) || envelope.length !== 4) throw new ChainFault('is no COSE_Sign1')
  const [header, , payload, signature] = envelope as unknown[]
  if (!isBytes(header) || !isBytes(payload) || !isBytes(signature)) throw new ChainFault('is no COSE_Sign1')
  const protectedHeader = decoded(header)
  if (!(protectedHeader instanceof Map) || protectedHeader.get(ALGORITHM) !== ES384)
    throw new ChainFault('is not signed with ES384')
  const fields = decoded(payload, { hasOpenMaps: true })
  if (!(fields instanceof Map)) throw new ChainFault('its payload is no map')
  const [leaf, bundle, pcrs, data, timestamp] = ['certificate', 'cabundle', 'pcrs', 'user_data', 'timestamp'].map(key =>
    fields.get(key),
  )
  if (fields.get('digest') !== 'SHA384') throw new ChainFault('its digest is not SHA384')
  if (!isBytes(leaf) || !Array.isArray(bundle) || !bundle.every(isBytes)) throw new ChainFault('it has no certificates')
  // The bundle begins with the root.
  const chain = [leaf, ...bundle.toReversed()].map(der => certificate(der))
  checkChain(chain, root, atMs)
  const message = encode(['Signature1', header, new Uint8Array(0), payload])
  const key = (chain[0] as (typeof chain)[number]).publicKey
  const isP384 = key.asymmetricKeyDetails?.namedCurve === 'secp384r1'
  if (!isP384 || !verify('sha384', message, { key, dsaEncoding: 'ieee-p1363' }, signature))
    throw new ChainFault('its signature is not that of its certificate')
  if (typeof timestamp !== 'number' || timestamp > atMs + CLOCK_SKEW)
    throw new ChainFault('it was made after the time that it should hold at')
  if (!(pcrs instanceof Map)) throw new ChainFault('it has no measurements')
  const measurements: Record<string, string> = {}
  for (const [index, value] of pcrs)
    if (isBytes(value)) measurements[`pcr${index}`] = Buffer.from(value).toString('hex')
  if (!/[1-9a-f]/.test(measurements.pcr0 ?? '')) throw new ChainFault('the enclave runs in debug mode: PCR0 is zero')
  if (!isBytes(data)) throw new ChainFault('it has no user_data, so it binds no key')
  return { data, measurements }
}

/** CBOR with nothing loose about it. `hasOpenMaps`: maps may end by a break in place of a length, as AWS writes them now. */
function decoded(bytes: Uint8Array, { hasOpenMaps = false } = {}): unknown {
  try {
    if (hasOpenMaps) demandNoOpenStrings(bytes)
    return decode(bytes, { useMaps: true, rejectDuplicateMapKeys: true, strict: true, allowIndefinite: hasOpenMaps })
  } catch {
    throw new ChainFault('is no CBOR')
  }
}

/** Strings and arrays must say their length (RFC 8949 §3.2): pieces that are joined could be cut in many ways. */
function demandNoOpenStrings(bytes: Uint8Array): void {
  const tokens = new Tokenizer(bytes)
  while (!tokens.done()) {
    const { type, value } = tokens.next()
    if (Type.equals(type, Type.array) && value === Number.POSITIVE_INFINITY) throw new ChainFault('an open array')
  }
}

const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array

import { createHash, verify, X509Certificate } from 'node:crypto'
import { AsnConvert } from '@peculiar/asn1-schema'
import { CertificateList } from '@peculiar/asn1-x509'

/** Certificates that a chain may have. */
const LONGEST = 6

/** What a chain of certificates is refused for. */
export class ChainFault extends Error {}

/** The certificates of PEM text. @throws ChainFault */
export function fromPem(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  if (blocks.length > LONGEST) throw new ChainFault(`a chain of ${blocks.length} certificates`)
  return blocks.map(block => certificate(block))
}

/** One certificate, DER or PEM. @throws ChainFault */
export function certificate(encoded: string | Uint8Array): X509Certificate {
  try {
    return new X509Certificate(encoded)
  } catch {
    throw new ChainFault('a certificate that cannot be read')
  }
}

/**
 * Checks a chain, leaf first, up to a root that the policy names by the SHA-256 of its DER: names, signatures, validity at
 * that time, and that only authorities issue (RFC 5280 §6.1, as far as these vendors use it). @throws ChainFault
 */
export function checkChain(chain: readonly X509Certificate[], root: string, atMs: number): void {
  if (chain.length < 2 || chain.length > LONGEST) throw new ChainFault(`a chain of ${chain.length} certificates`)
  const last = chain.at(-1) as X509Certificate
  if (sha256(last.raw) !== root) throw new ChainFault(`the root ${sha256(last.raw)} is not the policy's`)
  for (const [i, held] of chain.entries()) {
    const issuer = chain[i + 1] ?? held
    const name = held.subject.replaceAll('\n', ', ')
    if (i > 0 && !held.ca) throw new ChainFault(`${name} is no authority, but issued another certificate`)
    if (i === 0 && held.ca) throw new ChainFault(`${name} is an authority: it may not speak for itself`)
    if (held.issuer !== issuer.subject || !held.verify(issuer.publicKey))
      throw new ChainFault(`${name} was not issued by the next of its chain`)
    if (atMs < Date.parse(held.validFrom) || atMs > Date.parse(held.validTo))
      throw new ChainFault(`${name} is not valid at that time (${held.validFrom} to ${held.validTo})`)
  }
}

/**
 * Checks a revocation list (DER) and that it names none of these certificates of its issuer: its signature, its validity at
 * that time. Some libraries skip a list that they cannot read; here that is a refusal. @throws ChainFault
 */
export function checkRevocations(
  list: Uint8Array,
  issuer: X509Certificate,
  issued: readonly X509Certificate[],
  atMs: number,
): void {
  let parsed: CertificateList
  try {
    parsed = AsnConvert.parse(list, CertificateList)
  } catch {
    throw new ChainFault('a revocation list that cannot be read')
  }
  const { tbsCertList, tbsCertListRaw, signature, signatureAlgorithm } = parsed
  const name = issuer.subject.replaceAll('\n', ', ')
  // ecdsa-with-SHA256: what Intel signs with.
  const signed =
    tbsCertListRaw !== undefined &&
    signatureAlgorithm.algorithm === '1.2.840.10045.4.3.2' &&
    verify('sha256', new Uint8Array(tbsCertListRaw), issuer.publicKey, new Uint8Array(signature))
  if (!signed) throw new ChainFault(`the revocation list is not signed by ${name}`)
  const [from, until] = [tbsCertList.thisUpdate.getTime(), tbsCertList.nextUpdate?.getTime()]
  if (until === undefined || atMs < from.getTime() || atMs > until.getTime())
    throw new ChainFault(`the revocation list of ${name} is not current at that time`)
  const revoked = new Set(
    (tbsCertList.revokedCertificates ?? []).map(({ userCertificate }) =>
      serial(Buffer.from(userCertificate).toString('hex')),
    ),
  )
  for (const held of issued) {
    if (revoked.has(serial(held.serialNumber)))
      throw new ChainFault(`${held.subject.replaceAll('\n', ', ')} was revoked`)
  }
}

const serial = (hex: string) => BigInt(`0x${hex}`)
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  BasicConstraints,
  Certificate,
  CertificateList,
  Extension,
  Extensions,
  Name,
  RelativeDistinguishedName,
  RevokedCertificate,
  SubjectPublicKeyInfo,
  TBSCertificate,
  TBSCertList,
  Time,
  Validity,
  Version,
} from '@peculiar/asn1-x509'

/** A key and its certificate, made up: what a vendor would keep in a vault. */
export type Holder = { name: string; key: KeyObject; der: Uint8Array; serial: Uint8Array; digest: Digest }
type Digest = 'sha256' | 'sha384'

const ALGORITHMS: Record<Digest, { oid: string; curve: string }> = {
  sha256: { oid: '1.2.840.10045.4.3.2', curve: 'prime256v1' },
  sha384: { oid: '1.2.840.10045.4.3.3', curve: 'secp384r1' },
}
const DAY = 86_400_000

/** Issues a certificate; without `issuer` it signs itself. */
export function issue({
  name,
  issuer,
  isAuthority,
  at,
  days = 365,
  digest = issuer?.digest ?? 'sha256',
  extensions = [],
}: {
  name: string
  issuer?: Holder
  isAuthority: boolean
  /** The middle of its validity. */
  at: number
  days?: number
  digest?: Digest
  extensions?: Extension[]
}): Holder {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: ALGORITHMS[digest].curve })
  const serial = randomBytes(8)
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40
  const constraints = new Extension({
    extnID: '2.5.29.19',
    critical: true,
    extnValue: new OctetString(AsnConvert.serialize(new BasicConstraints({ cA: isAuthority }))),
  })
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: buffer(serial),
    signature: algorithm(digest),
    issuer: named(issuer?.name ?? name),
    validity: new Validity({ notBefore: new Date(at - (days * DAY) / 2), notAfter: new Date(at + (days * DAY) / 2) }),
    subject: named(name),
    subjectPublicKeyInfo: AsnConvert.parse(publicKey.export({ format: 'der', type: 'spki' }), SubjectPublicKeyInfo),
    extensions: new Extensions([constraints, ...extensions]),
  })
  const signed = sign(digest, new Uint8Array(AsnConvert.serialize(tbsCertificate)), issuer?.key ?? privateKey)
  const certificate = new Certificate({
    tbsCertificate,
    signatureAlgorithm: algorithm(digest),
    signatureValue: buffer(signed),
  })
  return { name, key: privateKey, der: new Uint8Array(AsnConvert.serialize(certificate)), serial, digest }
}

/** A revocation list, DER. */
export function revocations(issuer: Holder, revoked: readonly Holder[], at: number, days = 30): Uint8Array {
  const time = (ms: number) => new Time(new Date(ms))
  const tbsCertList = new TBSCertList({
    version: Version.v2,
    signature: algorithm(issuer.digest),
    issuer: named(issuer.name),
    thisUpdate: time(at - (days * DAY) / 2),
    nextUpdate: time(at + (days * DAY) / 2),
    ...(revoked.length === 0
      ? {}
      : {
          revokedCertificates: revoked.map(
            ({ serial }) => new RevokedCertificate({ userCertificate: buffer(serial), revocationDate: time(at - DAY) }),
          ),
        }),
  })
  const signed = sign(issuer.digest, new Uint8Array(AsnConvert.serialize(tbsCertList)), issuer.key)
  return new Uint8Array(
    AsnConvert.serialize(
      new CertificateList({ tbsCertList, signatureAlgorithm: algorithm(issuer.digest), signature: buffer(signed) }),
    ),
  )
}

export function pem(chain: readonly Holder[]): string {
  return chain
    .map(({ der }) => {
      const lines =
        Buffer.from(der)
          .toString('base64')
          .match(/.{1,64}/g) ?? []
      return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
    })
    .join('')
}

/** The two halves of a P-256 key's point, 64 bytes. */
export function point(key: KeyObject): Uint8Array {
  const { x, y } = createPublicKey(key).export({ format: 'jwk' })
  return new Uint8Array(Buffer.concat([Buffer.from(x as string, 'base64url'), Buffer.from(y as string, 'base64url')]))
}

const algorithm = (digest: Digest) => new AlgorithmIdentifier({ algorithm: ALGORITHMS[digest].oid })
const buffer = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer
const named = (name: string) =>
  new Name([
    new RelativeDistinguishedName([
      new AttributeTypeAndValue({ type: '2.5.4.3', value: new AttributeValue({ utf8String: name }) }),
    ]),
  ])

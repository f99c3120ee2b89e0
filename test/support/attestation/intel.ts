import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { OctetString } from '@peculiar/asn1-schema'
import { Extension } from '@peculiar/asn1-x509'
import type { Collateral } from '#verifier/attestation/document.ts'
import { canonicalBytes } from '#verifier/evidence/canonical.ts'
import { type Holder, issue, pem, point, revocations } from './certificates.ts'

/** A made-up Intel: its formats, under a root of its own. */
export type IntelPlatform = {
  root: string
  authorities: { root: Holder; platform: Holder; tcb: Holder }
  pck: Holder
  /** Signs quotes; its hash stands in the quoting enclave's report, which `pck` signs. */
  quoting: KeyObject
  at: number
}

const OID = '1.2.840.113741.1.13.1'
const FMSPC = '00906ed50000'
const [HEADER, SGX, TDX] = [48, 384, 584]

/** DER by hand: the extension's sequences of (object identifier, value), which have no schema elsewhere. */
const der = (tag: number, ...parts: Uint8Array[]): Uint8Array => {
  const body = Buffer.concat(parts)
  const length =
    body.length < 128
      ? [body.length]
      : body.length < 256
        ? [0x81, body.length]
        : [0x82, body.length >> 8, body.length & 255]
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}
const pair = (oid: string, value: Uint8Array) => der(0x30, objectIdentifier(oid), value)

function objectIdentifier(oid: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = oid.split('.').map(Number)
  const bytes = [40 * first + second]
  for (const arc of rest) {
    const groups = [arc & 127]
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 127) | 128)
    bytes.push(...groups)
  }
  return der(6, new Uint8Array(bytes))
}

/** Intel's extension of a PCK certificate: the platform's security versions and its family. */
function sgxExtension(): Extension {
  const components = Array.from({ length: 16 }, (_, i) => pair(`${OID}.2.${i + 1}`, der(2, new Uint8Array([5]))))
  const tcb = der(
    0x30,
    ...components,
    pair(`${OID}.2.17`, der(2, new Uint8Array([13]))),
    pair(`${OID}.2.18`, der(4, new Uint8Array(16).fill(5))),
  )
  const value = der(
    0x30,
    pair(`${OID}.1`, der(4, new Uint8Array(16))),
    pair(`${OID}.2`, tcb),
    pair(`${OID}.3`, der(4, new Uint8Array(2))),
    pair(`${OID}.4`, der(4, Buffer.from(FMSPC, 'hex'))),
    pair(`${OID}.5`, der(10, new Uint8Array([0]))),
  )
  return new Extension({ extnID: OID, critical: false, extnValue: new OctetString(new Uint8Array(value)) })
}

export function intelPlatform(at: number): IntelPlatform {
  const root = issue({ name: 'made-up SGX root', isAuthority: true, at, days: 3_650 })
  const platform = issue({ name: 'Intel SGX PCK Platform CA', issuer: root, isAuthority: true, at })
  const tcb = issue({ name: 'Intel SGX TCB Signing', issuer: root, isAuthority: false, at })
  const pck = issue({
    name: 'Intel SGX PCK Certificate',
    issuer: platform,
    isAuthority: false,
    at,
    extensions: [sgxExtension()],
  })
  const quoting = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey
  return {
    root: createHash('sha256').update(root.der).digest('hex'),
    authorities: { root, platform, tcb },
    pck,
    quoting,
    at,
  }
}

/** The measurements of the made-up software. */
export const MEASURED = { mrTd: '7d'.repeat(48), rtMr3: '73'.repeat(48), mrEnclave: '5e'.repeat(32) }

/** What a test would have otherwise. */
export type IntelChanges = {
  debug?: boolean
  /** The platform's firmware is behind. */
  status?: string
  revoked?: Holder[]
  listBy?: Holder
  listDays?: number
  quotedBy?: KeyObject
  pck?: Holder
  /** Days that the collateral is good for, around the platform's time. */
  days?: number
  collateral?: Partial<Collateral>
  /** Of the quoting enclave, 16 bytes in hexadecimal. */
  vendor?: string
  /** What Intel says of the TDX module, and which module the report names: version 3, security version 3. */
  module?: { status?: string; svn?: number; version?: number; signer?: number; attributes?: number }
}

/** An attestation document of the made-up platform. */
export function intelDocument(
  platform: IntelPlatform,
  kind: 'tdx' | 'sgx',
  reportData: Uint8Array,
  changes: IntelChanges = {},
): Uint8Array {
  const quote = Buffer.from(
    kind === 'tdx' ? tdxQuote(platform, reportData, changes) : sgxQuote(platform, reportData, changes),
  )
  const collateral = collateralOf(platform, kind, changes)
  return canonicalBytes({ v: 1, platform: kind, quote: quote.toString('base64'), collateral })
}

function tdxQuote(platform: IntelPlatform, reportData: Uint8Array, changes: IntelChanges): Uint8Array {
  const report = Buffer.alloc(TDX)
  report.fill(3, 0, 16) // teeTcbSvn
  report[0] = changes.module?.svn ?? 3
  report[1] = changes.module?.version ?? 3
  report.fill(changes.module?.signer ?? 0, 64, 112) // mrSignerSeam
  report[112] = changes.module?.attributes ?? 0
  report[120] = changes.debug === true ? 1 : 0
  report[123] = 0x10 // SEPT_VE_DISABLE
  report.set(Buffer.from(MEASURED.mrTd, 'hex'), 136)
  report.set(Buffer.from(MEASURED.rtMr3, 'hex'), 472)
  report.set(reportData, 520)
  const signed = Buffer.concat([header(4, 0x81, changes), report])
  const inner = Buffer.concat([...quotingReport(platform, changes), certificates(platform, changes)])
  const body = Buffer.concat([signatureOf(signed, platform, changes), point(platform.quoting), sized(6, inner)])
  return Buffer.concat([signed, u32(body.length), body])
}

function sgxQuote(platform: IntelPlatform, reportData: Uint8Array, changes: IntelChanges): Uint8Array {
  const report = Buffer.alloc(SGX)
  report[48] = changes.debug === true ? 2 : 0
  report.set(Buffer.from(MEASURED.mrEnclave, 'hex'), 64)
  report.set(reportData, 320)
  const signed = Buffer.concat([header(3, 0, changes), report])
  const body = Buffer.concat([
    signatureOf(signed, platform, changes),
    point(platform.quoting),
    ...quotingReport(platform, changes),
    certificates(platform, changes),
  ])
  return Buffer.concat([signed, u32(body.length), body])
}

function header(version: number, tee: number, { vendor }: IntelChanges): Uint8Array {
  const bytes = Buffer.alloc(HEADER)
  bytes.writeUInt16LE(version, 0)
  bytes.writeUInt16LE(2, 2)
  bytes.writeUInt32LE(tee, 4)
  bytes.set(Buffer.from(vendor ?? '939a7233f79c4ca9940a0db3957f0607', 'hex'), 12)
  return bytes
}

/** The quoting enclave's report, the PCK's signature over it, and the data that its hash covers. */
function quotingReport({ quoting, pck }: IntelPlatform, changes: IntelChanges): Uint8Array[] {
  const data = new Uint8Array(32).fill(9)
  const report = Buffer.alloc(SGX)
  report.set(Buffer.alloc(32, 0xaa), 128) // mrSigner
  report.writeUInt16LE(1, 256)
  report.writeUInt16LE(8, 258)
  report.set(createHash('sha256').update(point(quoting)).update(data).digest(), 320)
  return [report, raw(report, (changes.pck ?? pck).key), u16(data.length), data]
}

const signatureOf = (signed: Uint8Array, { quoting }: IntelPlatform, { quotedBy }: IntelChanges) =>
  raw(signed, quotedBy ?? quoting)

const certificates = ({ authorities, pck }: IntelPlatform, changes: IntelChanges) =>
  sized(5, Buffer.from(pem([changes.pck ?? pck, authorities.platform, authorities.root])))

function collateralOf({ authorities, at }: IntelPlatform, kind: 'tdx' | 'sgx', changes: IntelChanges): Collateral {
  const { root, platform, tcb } = authorities
  const days = changes.days ?? 30
  const dates = {
    issueDate: new Date(at - (days * 86_400_000) / 2).toISOString(),
    nextUpdate: new Date(at + (days * 86_400_000) / 2).toISOString(),
  }
  const levels = (svn: number) => Array.from({ length: 16 }, () => ({ svn }))
  const level = (svn: number, tcbStatus: string) => ({
    tcb: {
      sgxtcbcomponents: levels(svn),
      tdxtcbcomponents: levels(Math.min(svn, 3)).map((held, i) => (i === 1 ? { svn: 0 } : held)),
      pcesvn: 13,
    },
    tcbDate: dates.issueDate,
    tcbStatus,
  })
  const info = JSON.stringify({
    id: kind === 'tdx' ? 'TDX' : 'SGX',
    version: 3,
    ...dates,
    fmspc: FMSPC,
    pceId: '0000',
    tcbType: 0,
    tcbEvaluationDataNumber: 17,
    ...(kind === 'tdx' ? modules(changes) : {}),
    tcbLevels: changes.status === undefined ? [level(5, 'UpToDate')] : [level(6, 'UpToDate'), level(5, changes.status)],
  })
  const identity = JSON.stringify({
    id: kind === 'tdx' ? 'TD_QE' : 'QE',
    version: 2,
    ...dates,
    tcbEvaluationDataNumber: 17,
    miscselect: '00000000',
    miscselectMask: 'FFFFFFFF',
    attributes: '00'.repeat(16),
    attributesMask: '00'.repeat(16),
    mrsigner: 'AA'.repeat(32),
    isvprodid: 1,
    tcbLevels: [{ tcb: { isvsvn: 8 }, tcbDate: dates.issueDate, tcbStatus: 'UpToDate' }],
  })
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
  const list = (issuer: Holder) =>
    hex(revocations(changes.listBy ?? issuer, changes.revoked ?? [], at, changes.listDays))
  return {
    pck_crl_issuer_chain: pem([platform, root]),
    root_ca_crl: list(root),
    pck_crl: list(platform),
    tcb_info_issuer_chain: pem([tcb, root]),
    tcb_info: info,
    tcb_info_signature: hex(raw(Buffer.from(info), tcb.key)),
    qe_identity_issuer_chain: pem([tcb, root]),
    qe_identity: identity,
    qe_identity_signature: hex(raw(Buffer.from(identity), tcb.key)),
    ...changes.collateral,
  }
}

/** What TCB info says of TDX modules: version 0 by itself, others by name. */
function modules({ module = {} }: IntelChanges) {
  const signed = { mrsigner: '00'.repeat(48), attributes: '00'.repeat(8), attributesMask: 'FF'.repeat(8) }
  const level = (isvsvn: number, tcbStatus: string) => ({ tcb: { isvsvn }, tcbStatus })
  const tcbLevels = [level(4, 'UpToDate'), level(3, module.status ?? 'UpToDate'), level(2, 'OutOfDate')]
  return { tdxModule: signed, tdxModuleIdentities: [{ id: 'TDX_03', ...signed, tcbLevels }] }
}

const raw = (bytes: Uint8Array, key: KeyObject) => sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' })
const u16 = (value: number) => Buffer.from([value & 255, value >> 8])
function u32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
const sized = (type: number, body: Uint8Array) => Buffer.concat([u16(type), u32(body.length), body])

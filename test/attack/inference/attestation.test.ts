import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openAttestations } from '#verifier/attestation/openAttestations.ts'
import { canonicalBytes } from '#verifier/evidence/canonical.ts'
import type { AcceptedPlatform } from '#verifier/evidence/ports/attestation.ts'
import { attestedKey, bindsKey } from '#verifier/proof/tee.ts'
import { issue, pem } from '../../support/attestation/certificates.ts'
import { type IntelChanges, intelDocument, intelPlatform, MEASURED } from '../../support/attestation/intel.ts'
import { nitroCloud, nitroDocument } from '../../support/attestation/nitro.ts'

// Chains of these formats under roots that are made up here: nothing of this ran on such hardware.
const AT = Date.UTC(2026, 5, 1)
const HOUR = 3_600_000
const port = openAttestations()
const worker = 'ab'.repeat(32)
const digest = attestedKey(worker, nodeCrypto)
const wide = Buffer.concat([digest, Buffer.alloc(32)])
const binds = (data: Uint8Array) => bindsKey(data, digest)

describe.each(['tdx', 'sgx'] as const)('%s', kind => {
  const platform = intelPlatform(AT)
  const { root, tcb, platform: authority } = platform.authorities
  const measurements: Record<string, string> =
    kind === 'tdx' ? { mrTd: MEASURED.mrTd, rtMr3: MEASURED.rtMr3 } : { mrEnclave: MEASURED.mrEnclave }
  const accepted: AcceptedPlatform = { for: 'tee', platform: kind, root: platform.root, measurements }
  const ask = (
    changes: IntelChanges = {},
    {
      policy = {},
      data = wide,
      atMs = AT,
    }: { policy?: Partial<AcceptedPlatform>; data?: Uint8Array; atMs?: number } = {},
  ) =>
    port.fault({
      document: intelDocument(platform, kind, data, changes),
      accepted: [{ ...accepted, ...policy }],
      binds,
      atMs,
    })

  test('a quote that binds the key, of the measured software, on firmware with every update: accepted', async () => {
    expect(await ask()).toBe(null)
    expect(await ask({ status: 'SWHardeningNeeded' }, { policy: { tcb: ['SWHardeningNeeded'] } })).toBe(null)
  })

  const stranger = issue({ name: 'made-up SGX root', isAuthority: true, at: AT })
  test.each<[string, IntelChanges, Parameters<typeof ask>[1], RegExp]>([
    ['debug mode', { debug: true }, {}, /Debug mode/],
    [
      'other software',
      {},
      {
        policy: {
          measurements: {
            ...measurements,
            ...(kind === 'tdx' ? { mrTd: '00'.repeat(48) } : { mrEnclave: '00'.repeat(32) }),
          },
        },
      },
      /(mrTd|mrEnclave) is/,
    ],
    ['a measurement that it has not', {}, { policy: { measurements: { pcr0: '00' } } }, /pcr0 is absent/],
    ['another key', {}, { data: Buffer.alloc(64, 7) }, /does not bind the key/],
    [
      'the key and something beside it',
      {},
      { data: Buffer.concat([digest, Buffer.alloc(32, 1)]) },
      /does not bind the key/,
    ],
    [
      'another root',
      {},
      { policy: { root: createHash('sha256').update(stranger.der).digest('hex') } },
      /is not the policy's/,
    ],
    ['stale collateral', { days: 2 }, { atMs: AT + 48 * HOUR }, /TCBInfo expired/],
    ['collateral of tomorrow', { days: 2 }, { atMs: AT - 48 * HOUR }, /in the future/],
    ['an expired chain', {}, { atMs: AT + 3_000 * 24 * HOUR }, /not valid at that time/],
    ['a stale revocation list', { listDays: 2 }, { atMs: AT + 48 * HOUR }, /not current at that time/],
    ['a revocation list by nobody', { listBy: stranger }, {}, /revocation list is not signed/],
    ['an unreadable revocation list', { collateral: { root_ca_crl: '00' } }, {}, /cannot be read/],
    ['a revoked platform', { revoked: [platform.pck] }, {}, /PCK Certificate was revoked/],
    ['a revoked authority', { revoked: [authority] }, {}, /Platform CA was revoked/],
    ['a revoked signer of collateral', { revoked: [tcb] }, {}, /TCB Signing was revoked/],
    ['firmware behind', { status: 'OutOfDate' }, {}, /firmware is OutOfDate/],
    ['revoked firmware', { status: 'Revoked' }, { policy: { tcb: ['OutOfDate'] } }, /Revoked/],
    [
      'a quote by another key',
      { quotedBy: generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey },
      {},
      /signature is invalid/,
    ],
    [
      'a PCK by a PCK',
      { pck: issue({ name: 'forged', issuer: platform.pck, isAuthority: false, at: AT }) },
      {},
      /was not issued by the next/,
    ],
    [
      'firmware that a platform speaks of',
      { collateral: { tcb_info_issuer_chain: pem([platform.pck, authority, root]) } },
      {},
      /speaks where Intel SGX TCB Signing should/,
    ],
    ['collateral that was changed', { collateral: { tcb_info: '{}' } }, {}, /TcbInfo|tcb_info/],
    ['a chain without its root', { collateral: { tcb_info_issuer_chain: '' } }, {}, /a chain of 0/],
    ["another vendor's quoting enclave", { vendor: '00'.repeat(16) }, {}, /of the vendor 0{32}, not of Intel/],
    [
      'collateral with a field that is no hexadecimal',
      { collateral: { root_ca_crl: 'zz' } },
      {},
      /collateral.root_ca_crl: /,
    ],
  ])('%s: refused', async (_, changes, asked, reason) => {
    expect(await ask(changes, asked)).toMatch(reason)
  })

  test('collateral as it comes, with the chain of the platform beside it: read', async () => {
    const pck_certificate_chain = pem([platform.pck, authority, root])
    expect(await ask({ collateral: { pck_certificate_chain } })).toBe(null)
  })

  test.runIf(kind === 'tdx').each<[string, IntelChanges['module'], readonly string[], RegExp | null]>([
    ['as Intel has it', {}, [], null],
    ['newer', { svn: 5 }, [], null],
    ['version 0: the platform says', { version: 0 }, [], null],
    ['out of date', { status: 'OutOfDate' }, [], /TDX module is OutOfDate/],
    ['out of date, which the policy accepts', { status: 'OutOfDate' }, ['OutOfDate'], null],
    ['revoked, whatever the policy accepts', { status: 'Revoked' }, ['Revoked', 'OutOfDate'], /TDX module is Revoked/],
    ['of another signer', { signer: 7 }, [], /was signed by 07070707/],
    ['version 0 of another signer', { version: 0, signer: 7 }, [], /was signed by 07070707/],
    ['of other attributes', { attributes: 1 }, [], /has the attributes 01/],
    ['that nobody names', { version: 9 }, [], /TDX_09 is none that Intel names/],
  ])('a TDX module %s', async (_, module, tcb, reason) => {
    const found = await ask({ module: module ?? {} }, { policy: { tcb: [...tcb] } })
    if (reason === null) expect(found).toBe(null)
    else expect(found).toMatch(reason)
  })

  test('any flipped bit of the quote: refused', async () => {
    const whole = JSON.parse(new TextDecoder().decode(intelDocument(platform, kind, wide))) as { quote: string }
    const quote = Buffer.from(whole.quote, 'base64')
    const same = Buffer.from(JSON.stringify(whole))
    expect(await port.fault({ document: same, accepted: [accepted], binds, atMs: AT })).toBe(null)
    const ends = kind === 'tdx' ? 632 + 4 + 128 : 432 + 4 + 128
    for (let bit = 0; bit < 8 * ends; bit += 97) {
      const changed = Buffer.from(quote)
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
      const document = Buffer.from(JSON.stringify({ ...whole, quote: changed.toString('base64') }))
      expect(await port.fault({ document, accepted: [accepted], binds, atMs: AT }), `bit ${bit}`).not.toBe(null)
    }
  })

  test('the other of both kinds: refused', async () => {
    const other = kind === 'tdx' ? 'sgx' : 'tdx'
    const document = Buffer.from(
      new TextDecoder()
        .decode(intelDocument(platform, kind, wide))
        .replace(`"platform":"${kind}"`, `"platform":"${other}"`),
    )
    expect(await port.fault({ document, accepted: [{ ...accepted, platform: other }], binds, atMs: AT })).toMatch(
      new RegExp(`not of ${other}`),
    )
    expect(await port.fault({ document, accepted: [accepted], binds, atMs: AT })).toMatch(/accepts no attestation/)
  })

  test('a certificate that is none of an authority does not issue', async () => {
    const leaf = issue({ name: 'PCK of another', issuer: authority, isAuthority: false, at: AT })
    const forged = issue({ name: 'PCK', issuer: leaf, isAuthority: false, at: AT })
    const document = JSON.parse(new TextDecoder().decode(intelDocument(platform, kind, wide))) as {
      collateral: { tcb_info_issuer_chain: string }
    }
    document.collateral.tcb_info_issuer_chain = pem([forged, leaf, authority, root])
    const bytes = canonicalBytes(document)
    expect(await port.fault({ document: bytes, accepted: [accepted], binds, atMs: AT })).toMatch(/is no authority/)
  })
})

describe('nitro', () => {
  const cloud = nitroCloud(AT)
  const [leaf, zone, root] = cloud.chain
  const accepted: AcceptedPlatform = {
    for: 'tee',
    platform: 'nitro',
    root: cloud.root,
    measurements: { pcr0: cloud.pcr0 },
  }
  const ask = (
    changes: Parameters<typeof nitroDocument>[2] = {},
    {
      policy = {},
      data = digest,
      atMs = AT,
    }: { policy?: Partial<AcceptedPlatform>; data?: Uint8Array | null; atMs?: number } = {},
  ) =>
    port.fault({ document: nitroDocument(cloud, data, changes), accepted: [{ ...accepted, ...policy }], binds, atMs })

  test('a document that binds the key, of the measured image: accepted', async () => {
    expect(await ask()).toBe(null)
  })

  const other = issue({ name: 'made-up nitro root', isAuthority: true, at: AT, digest: 'sha384' })
  test.each<[string, Parameters<typeof ask>[0], Parameters<typeof ask>[1], RegExp]>([
    ['debug mode', { pcr0: '00'.repeat(48) }, { policy: { measurements: { pcr0: '00'.repeat(48) } } }, /debug mode/],
    ['another image', { pcr0: '11'.repeat(48) }, {}, /pcr0 is 1111/],
    ['another key', {}, { data: new Uint8Array(32) }, /does not bind the key/],
    ['no key at all', {}, { data: null }, /binds no key/],
    [
      'another root',
      {},
      { policy: { root: createHash('sha256').update(other.der).digest('hex') } },
      /is not the policy's/,
    ],
    ['a root of the same name', { bundle: [zone as typeof leaf, other] }, {}, /is not the policy's/],
    ['a chain without its middle', { bundle: [root as typeof leaf] }, {}, /was not issued by the next/],
    ['expired', {}, { atMs: AT + 2 * HOUR }, /not valid at that time/],
    ['of the future', { fields: { timestamp: AT + HOUR } }, {}, /made after/],
    ['signed by another', { signer: other }, {}, /signature is not that of its certificate/],
    ['another algorithm', { algorithm: -7 }, {}, /not signed with ES384/],
    ['another digest', { fields: { digest: 'SHA256' } }, {}, /digest is not SHA384/],
    ['no certificate', { fields: { certificate: null } }, {}, /no certificates/],
    ['too long a chain', { bundle: Array.from({ length: 9 }, () => other) }, {}, /a chain of 10/],
    ['not valid any more, says the policy', {}, { policy: { untilMs: AT - 1 } }, /accepts no attestation/],
  ])('%s: refused', async (_, changes, asked, reason) => {
    expect(await ask(changes, asked)).toMatch(reason)
  })

  const open = (encoded: Uint8Array) => Buffer.concat([Buffer.from([0xbf]), encoded.subarray(1), Buffer.from([0xff])])
  const replaced = (encoded: Uint8Array, from: Buffer, to: Buffer) => {
    const at = Buffer.from(encoded).indexOf(from)
    if (at < 0) throw new Error('it is not there')
    return Buffer.concat([encoded.subarray(0, at), to, encoded.subarray(at + from.length)])
  }
  const text = (value: string) => Buffer.concat([Buffer.from([0x60 + value.length]), Buffer.from(value)])
  const [pcrs, bundle] = [
    Buffer.concat([text('pcrs'), Buffer.from([0xa2])]),
    Buffer.concat([text('cabundle'), Buffer.from([0x82])]),
  ]
  test.each<[string, (encoded: Uint8Array) => Uint8Array, RegExp | null]>([
    ['as a map that ends by a break, as AWS writes it now', open, null],
    [
      'a field twice, in such a map',
      encoded => Buffer.concat([open(encoded).subarray(0, -1), text('digest'), text('SHA384'), Buffer.from([0xff])]),
      /is no CBOR/,
    ],
    ['bytes behind it', encoded => Buffer.concat([open(encoded), Buffer.from([0])]), /is no CBOR/],
    ['no break at its end', encoded => open(encoded).subarray(0, -1), /is no CBOR/],
    ['two breaks', encoded => Buffer.concat([open(encoded), Buffer.from([0xff])]), /is no CBOR/],
    ['a break in a map of a length', encoded => Buffer.concat([encoded, Buffer.from([0xff])]), /is no CBOR/],
    [
      'a string in pieces',
      encoded =>
        open(
          replaced(
            encoded,
            text('SHA384'),
            Buffer.concat([Buffer.from([0x7f]), text('SHA'), text('384'), Buffer.from([0xff])]),
          ),
        ),
      /is no CBOR/,
    ],
    [
      'an array without a length',
      encoded => open(replaced(encoded, bundle, Buffer.concat([text('cabundle'), Buffer.from([0x9f])]))),
      /is no CBOR/,
    ],
    [
      'measurements without their break',
      encoded => open(replaced(encoded, pcrs, Buffer.concat([text('pcrs'), Buffer.from([0xbf])]))),
      /is no CBOR/,
    ],
  ])('its payload %s', async (_, payload, reason) => {
    const found = await ask({ payload })
    if (reason === null) expect(found).toBe(null)
    else expect(found).toMatch(reason)
  })

  test('what is no document, or has bits of it flipped: refused, never thrown', async () => {
    const whole = nitroDocument(cloud, digest)
    const { document: text } = JSON.parse(new TextDecoder().decode(whole)) as { document: string }
    const bytes = Buffer.from(text, 'base64')
    const asked = (document: Uint8Array) => port.fault({ document, accepted: [accepted], binds, atMs: AT })
    expect(await asked(new Uint8Array(0))).toMatch(/cannot be read/)
    expect(await asked(Buffer.from('{"v":1}'))).toMatch(/cannot be read/)
    expect(await asked(Buffer.from(JSON.stringify({ document: text, platform: 'nitro', v: 1 })))).toBe(null)
    for (let bit = 0; bit < 8 * bytes.length; bit += 61) {
      const changed = Buffer.from(bytes)
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
      const json = JSON.stringify({ document: changed.toString('base64'), platform: 'nitro', v: 1 })
      expect(await asked(Buffer.from(json)), `bit ${bit}`).not.toBe(null)
    }
    for (let cut = 0; cut < bytes.length; cut += 37) {
      const json = JSON.stringify({ document: bytes.subarray(0, cut).toString('base64'), platform: 'nitro', v: 1 })
      expect(await asked(Buffer.from(json)), `${cut} bytes`).not.toBe(null)
    }
  })
})

test('RSA-PSS: right, forged, of a short key, of another kind of key', () => {
  const message = new Uint8Array(32).fill(5)
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  const der = publicKey.export({ format: 'der', type: 'spki' })
  const padding = 6 // RSA_PKCS1_PSS_PADDING
  const signature = sign('sha256', message, { key: privateKey, padding, saltLength: 32 })
  expect(port.verifyRsaPss(der, message, signature)).toBe(true)
  expect(port.verifyRsaPss(der, message.slice(1), signature)).toBe(false)
  expect(port.verifyRsaPss(der, message, sign('sha256', message, privateKey))).toBe(false)
  const short = generateKeyPairSync('rsa', { modulusLength: 1_024 })
  const weak = sign('sha256', message, { key: short.privateKey, padding, saltLength: 32 })
  expect(port.verifyRsaPss(short.publicKey.export({ format: 'der', type: 'spki' }), message, weak)).toBe(false)
  expect(port.verifyRsaPss(new Uint8Array(9), message, signature)).toBe(false)
})

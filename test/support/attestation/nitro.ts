import { createHash, sign } from 'node:crypto'
import { encode } from 'cborg'
import { canonicalBytes } from '#verifier/evidence/canonical.ts'
import { type Holder, issue } from './certificates.ts'

/** A made-up cloud: AWS's format under a root of its own. */
export type NitroCloud = { root: string; pcr0: string; chain: [leaf: Holder, ...authorities: Holder[]]; at: number }

export function nitroCloud(at: number, hours = 3): NitroCloud {
  const root = issue({ name: 'made-up nitro root', isAuthority: true, at, digest: 'sha384' })
  const zone = issue({ name: 'zone', issuer: root, isAuthority: true, at, days: 20 })
  const leaf = issue({ name: 'i-0123.enclave', issuer: zone, isAuthority: false, at, days: hours / 24 })
  const pcr0 = createHash('sha384').update('the image').digest('hex')
  return { root: createHash('sha256').update(root.der).digest('hex'), pcr0, chain: [leaf, zone, root], at }
}

/** An attestation document, with what a test would have otherwise. */
export function nitroDocument(
  { pcr0, chain, at }: NitroCloud,
  userData: Uint8Array | null,
  changes: {
    pcr0?: string
    fields?: Record<string, unknown>
    algorithm?: number
    signer?: Holder
    bundle?: Holder[]
    /** What is signed in place of the fields' usual encoding. */
    payload?(encoded: Uint8Array): Uint8Array
  } = {},
): Uint8Array {
  const [leaf, ...authorities] = chain
  const fields = {
    module_id: leaf.name,
    digest: 'SHA384',
    timestamp: at,
    pcrs: new Map([
      [0, new Uint8Array(Buffer.from(changes.pcr0 ?? pcr0, 'hex'))],
      [1, new Uint8Array(48)],
    ]),
    certificate: leaf.der,
    cabundle: (changes.bundle ?? authorities).map(({ der }) => der).reverse(),
    public_key: null,
    user_data: userData,
    nonce: null,
    ...changes.fields,
  }
  const header = encode(new Map([[1, changes.algorithm ?? -35]]))
  const payload = changes.payload?.(encode(fields)) ?? encode(fields)
  const message = encode(['Signature1', header, new Uint8Array(0), payload])
  const signature = sign('sha384', message, { key: (changes.signer ?? leaf).key, dsaEncoding: 'ieee-p1363' })
  const document = Buffer.from(encode([header, new Map(), payload, new Uint8Array(signature)])).toString('base64')
  return canonicalBytes({ v: 1, platform: 'nitro', document })
}

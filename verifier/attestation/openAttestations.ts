import { constants, createPublicKey, verify } from 'node:crypto'
import { fromBase64 } from '#verifier/evidence/bytes.ts'
import { reasonOf } from '#verifier/evidence/error.ts'
import type { AcceptedPlatform, AttestationPort } from '#verifier/evidence/ports/attestation.ts'
import { type AttestationDocument, parseDocument } from './document.ts'

/** What a vendor signed about a platform: the data that its software asked for, and what the software measures. */
export type Attested = { data: Uint8Array; measurements: Readonly<Record<string, string>> }

/** The port on Node: vendors' libraries are loaded when the first attestation comes. */
export function openAttestations(): AttestationPort {
  return {
    async fault({ document: bytes, accepted, binds, atMs }) {
      let document: AttestationDocument
      try {
        document = parseDocument(bytes)
      } catch (error) {
        return `the attestation cannot be read: ${reasonOf(error)}`
      }
      const platforms = accepted.filter(
        ({ platform, fromMs, untilMs }) =>
          platform === document.platform && (fromMs ?? 0) <= atMs && atMs <= (untilMs ?? Number.POSITIVE_INFINITY),
      )
      if (platforms.length === 0) return `the policy accepts no attestation of ${document.platform} at that time`
      const faults: string[] = []
      for (const platform of platforms) {
        const fault = await opened(document, platform, atMs).then(
          attested => faultOf(attested, platform, binds),
          reasonOf,
        )
        if (fault === null) return null
        faults.push(fault)
      }
      return `${document.platform} attestation: ${[...new Set(faults)].join('; ')}`
    },
    verifyRsaPss(publicKey, message, signature) {
      try {
        const key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' })
        const isStrong = key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2_048
        const padding = constants.RSA_PKCS1_PSS_PADDING
        const saltLength = constants.RSA_PSS_SALTLEN_AUTO
        return isStrong && verify('sha256', message, { key, padding, saltLength }, signature)
      } catch {
        return false
      }
    },
  }
}

/** @throws ChainFault */
async function opened(document: AttestationDocument, accepted: AcceptedPlatform, atMs: number): Promise<Attested> {
  const { root, tcb = [] } = accepted
  if (document.platform === 'nitro') {
    const { openNitroDocument } = await import('./nitroDocument.ts')
    return openNitroDocument(fromBase64(document.document), { root, atMs })
  }
  const { openIntelQuote } = await import('./intelQuote.ts')
  const { platform, quote, collateral } = document
  return openIntelQuote(fromBase64(quote), collateral, { platform, root, tcb, atMs })
}

function faultOf(
  { data, measurements }: Attested,
  accepted: AcceptedPlatform,
  binds: (data: Uint8Array) => boolean,
): string | null {
  for (const [name, expected] of Object.entries(accepted.measurements)) {
    if (measurements[name] !== expected)
      return `${name} is ${measurements[name] ?? 'absent'}, the policy accepts ${expected}`
  }
  return binds(data) ? null : 'it does not bind the key that signed'
}

import { toHex } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { digestBytes } from '#verifier/evidence/digest.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { Policy } from '#verifier/policy/policy.ts'

/** Bytes of payloads that are held beside what the policy lists: traces of answers that wait for their verdict. */
export const MOST_PAYLOAD_BYTES = 256 * 1024 * 1024

/** Payloads of a log by their SHA-256, in memory. */
export type Payloads = {
  put(bytes: Uint8Array): void
  has(sha256: string): boolean
  /** @throws EVIDENCE_MISSING */
  get(sha256: string): Uint8Array
}

/**
 * What a verifier holds of a log's payloads: bundles and models that the policy lists for good, of others the latest, up to
 * `mostBytes`. Whoever sends more only drives out what was sent before.
 */
export function createPayloads({
  crypto,
  policy,
  mostBytes = MOST_PAYLOAD_BYTES,
}: {
  crypto: CryptoPort
  policy: Pick<Policy, 'identities'>
  mostBytes?: number
}): Payloads {
  const wanted = {
    strategy: new Set(policy.identities.strategies.map(({ digest }) => digest)),
    model: new Set(policy.identities.models.map(({ digest }) => digest)),
  }
  const listed = new Map<string, Uint8Array>()
  const others = new Map<string, Uint8Array>()
  let held = 0

  const isListed = (bytes: Uint8Array) =>
    (['strategy', 'model'] as const).some(domain => wanted[domain].has(digestBytes(domain, bytes, crypto)))

  function drop(sha256: string): void {
    held -= others.get(sha256)?.length ?? 0
    others.delete(sha256)
  }

  return {
    has: sha256 => listed.has(sha256) || others.has(sha256),
    put(bytes) {
      const sha256 = toHex(crypto.sha256(bytes))
      if (listed.has(sha256)) return
      if (isListed(bytes)) return void listed.set(sha256, bytes)
      drop(sha256)
      others.set(sha256, bytes)
      held += bytes.length
      for (const oldest of others.keys()) {
        if (held <= mostBytes) return
        drop(oldest)
      }
    },
    get(sha256) {
      const bytes = listed.get(sha256) ?? others.get(sha256)
      if (bytes === undefined)
        throw new WarrantError('EVIDENCE_MISSING', `payload ${sha256} was not sent, or has made room for others`)
      return bytes
    },
  }
}

import { equalBytes, fromHex } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { digestBytes } from '#verifier/evidence/digest.ts'
import { proofIn } from '#verifier/evidence/records/proof.ts'
import { attestationFault } from './attested.ts'
import type { ProofKind } from './proofKind.ts'

/** What a platform is asked to sign for a worker: SHA-256 of its Ed25519 key, domain `attested-key`; 32 bytes. */
export function attestedKey(publicKeyHex: string, crypto: CryptoPort): Uint8Array {
  return fromHex(digestBytes('attested-key', fromHex(publicKeyHex), crypto))
}

/** Whether a platform's signed data is that digest, and nothing beside it but zeros. */
export function bindsKey(data: Uint8Array, digest: Uint8Array): boolean {
  return equalBytes(data.subarray(0, digest.length), digest) && data.subarray(digest.length).every(byte => byte === 0)
}

/** The worker's key lives on a platform that its vendor attests, with software that the policy names. */
export const tee: ProofKind = {
  kind: 'tee',
  proves: "the key that signed this output is held by the measured software, on the vendor's hardware",
  assumes: [
    "the hardware's vendor is honest, and its hardware holds against those who touch it",
    'the measured software runs the model that it names, and keeps its key to itself',
  ],
  browser: false,
  async verify(subject, ports) {
    const { proof, receipt } = subject.answer
    const refuse = (detail: string) => ({ ok: false, detail, soundnessBits: null })
    const part = proofIn(proof, 'tee')
    if (part === null) return refuse('the answer carries no attestation')
    const worker = subject.workers.find(({ id }) => id === receipt.statement.worker)
    if (worker === undefined) return refuse(`worker ${receipt.statement.worker} is not listed in the run`)
    const digest = attestedKey(worker.publicKey, ports.crypto)
    const fault = await attestationFault(
      subject,
      { kind: 'tee', attestation: part.attestation, binds: data => bindsKey(data, digest) },
      ports,
    )
    return fault === null
      ? { ok: true, detail: `the key of worker ${worker.id} is attested`, soundnessBits: null }
      : refuse(`worker ${worker.id}: ${fault}`)
  },
}

import { fromBase64 } from '#verifier/evidence/bytes.ts'
import { reasonOf } from '#verifier/evidence/error.ts'
import type { AcceptedPlatform } from '#verifier/evidence/ports/attestation.ts'
import type { Carried } from '#verifier/evidence/records/proof.ts'
import type { ProofPorts, ProofSubject } from './proofKind.ts'

/** Why a proof's attestation does not count, or null when it does. */
export async function attestationFault(
  { answer }: Pick<ProofSubject, 'answer'>,
  {
    kind,
    attestation,
    binds,
  }: { kind: AcceptedPlatform['for']; attestation: Carried; binds(data: Uint8Array): boolean },
  ports: ProofPorts,
): Promise<string | null> {
  if (ports.attestation === null) return 'cannot be checked: this verifier checks no attestations'
  const { port, atMs } = ports.attestation
  const accepted = ports.attestation.accepted.filter(platform => platform.for === kind)
  if (accepted.length === 0) return `the policy accepts no attestation for ${kind}`
  if (atMs === null) return 'no witness of the policy cosigned the log: at which time the attestation held is unknown'
  const document =
    'inline' in attestation
      ? fromBase64(attestation.inline)
      : await ports.blob(attestation).catch((error: unknown) => reasonOf(error))
  if (typeof document === 'string') return `the attestation is missing: ${document}`
  const at = atMs === 'stated' ? answer.receipt.statement.finishedMs : atMs
  return port.fault({ document, accepted, binds, atMs: at })
}

import { toHex } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { cosignedAt, parseWitnessVkey } from '#verifier/log/cosignature.ts'
import { parseNote } from '#verifier/log/signedNote.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { policyWitnesses } from '#verifier/policy/policyWitnesses.ts'

/** Witnesses of a policy that cosigned a checkpoint, each once, by whichever of its keys; a key that stands twice counts once. */
export function cosignedBy(
  crypto: CryptoPort,
  { note, policy, nowMs }: { note: string; policy: Pick<Policy, 'witnesses'>; nowMs: number },
): { name: string; timeSeconds: number }[] {
  const parsed = parseNote(note)
  const counted = new Set<string>()
  return policyWitnesses(policy, nowMs).flatMap(vkeys => {
    for (const key of vkeys.map(vkey => parseWitnessVkey(crypto, vkey))) {
      const id = toHex(key.publicKey)
      const timeSeconds = counted.has(id) ? null : cosignedAt(crypto, parsed, key)
      if (timeSeconds === null) continue
      counted.add(id)
      return [{ name: key.name, timeSeconds }]
    }
    return []
  })
}

import { hashMessage, recoverAddress } from 'viem'
import { canonicalBytes } from '#verifier/evidence/canonical.ts'
import { type Domain, domainBytes } from '#verifier/evidence/digest.ts'
import { isStrictSignature } from '#verifier/evidence/secp256k1.ts'
import type { RuleContext } from './ruleContext.ts'
import type { RuleId } from './ruleList.ts'

type Hex = `0x${string}`

/** The EIP-191 hash that a verifier signs for a report that does not go on chain. */
export function reportHash(domain: Domain, unsigned: unknown): Hex {
  return hashMessage({ raw: domainBytes(domain, canonicalBytes(unsigned)) })
}

/** Whether a report is signed by a verifier of the run. */
export async function checkReport(
  { state, fail }: RuleContext,
  rule: RuleId,
  { domain, unsigned, signer, signature }: { domain: Domain; unsigned: unknown; signer: string; signature: string },
): Promise<void> {
  if (!state.run.body.keys.verifiers.includes(signer))
    fail(rule, 'body.signer', `${signer} is not a verifier of this run`)
  const hash = reportHash(domain, unsigned)
  const recovered = await recoverAddress({ hash, signature: signature as Hex }).catch(() => null)
  // Another s and v sign the same: two texts of one report would be two records.
  if (recovered?.toLowerCase() !== signer || !isStrictSignature(signature))
    fail(rule, 'body.signature', 'the report is not signed by its signer')
}

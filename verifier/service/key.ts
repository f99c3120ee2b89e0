import { readFileSync } from 'node:fs'
import { privateKeyToAccount } from 'viem/accounts'
import { canonicalBytes } from '#verifier/evidence/canonical.ts'
import { type Domain, domainBytes } from '#verifier/evidence/digest.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { parseSecp256k1Key, refuseKeyAsName } from '#verifier/evidence/secp256k1.ts'
import { VERDICT_TYPES, type VerdictMessage, verdictDomain } from '#verifier/evidence/verdictTypes.ts'

/** The verifier's key: the one file that touches it. */
export type VerifierKey = {
  readonly address: string
  signVerdict(domain: { chainId: number; module: string }, message: VerdictMessage): Promise<string>
  /** EIP-191 over a report that does not go on chain. */
  signReport(domain: Domain, unsigned: unknown): Promise<string>
}

/** The key whose 32 bytes stand in `file` as 0x hex. @throws BAD_INPUT */
export function openVerifierKey(file: string): VerifierKey {
  refuseKeyAsName(file)
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch {
    throw new WarrantError('FILE_MISSING', `${file}: cannot read the verifier's key`)
  }
  const account = privateKeyToAccount(parseSecp256k1Key(file, text))
  return {
    address: account.address.toLowerCase(),
    signVerdict: ({ chainId, module }, message) =>
      account.signTypedData({
        domain: verdictDomain(chainId, module),
        types: VERDICT_TYPES,
        primaryType: 'Verdict',
        message,
      }),
    signReport: (domain, unsigned) =>
      account.signMessage({ message: { raw: domainBytes(domain, canonicalBytes(unsigned)) } }),
  }
}

import { readFileSync } from 'node:fs'
import { privateKeyToAccount } from 'viem/accounts'
import { canonicalBytes } from '#verifier/evidence/canonical.ts'
import { type Domain, domainBytes } from '#verifier/evidence/digest.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
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
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (cause) {
    throw new WarrantError('FILE_MISSING', `${file}: cannot read the verifier's key`, { cause })
  }
  if (!/^0x[0-9a-f]{64}$/.test(text))
    throw new WarrantError('BAD_INPUT', `${file}: expected a secp256k1 key as 0x and 64 hex digits`)
  const account = privateKeyToAccount(text as `0x${string}`)
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

import { domainSeparator, type Hex } from 'viem'
import { verdictDomain } from '#verifier/evidence/verdictTypes.ts'

/** The EIP-712 domain that a module of this chain and address has, as its constructor fills it in. */
export function verdictDomainSeparator(chainId: number, module: string): Hex {
  return domainSeparator({ domain: verdictDomain(chainId, module) })
}

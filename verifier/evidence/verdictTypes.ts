import type { Bound, Call, Proposal } from './records/proposal.ts'

/** EIP-712 types of evidence.md §5; the module hashes the same strings. */
export const VERDICT_TYPES = {
  Verdict: [
    { name: 'safe', type: 'address' },
    { name: 'nonce', type: 'uint256' },
    { name: 'calls', type: 'Call[]' },
    { name: 'bounds', type: 'Bound[]' },
    { name: 'proposalDigest', type: 'bytes32' },
    { name: 'policyDigest', type: 'bytes32' },
    { name: 'executor', type: 'address' },
    { name: 'refBlock', type: 'uint64' },
    { name: 'refBlockHash', type: 'bytes32' },
    { name: 'validUntil', type: 'uint64' },
  ],
  Call: [
    { name: 'to', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'data', type: 'bytes' },
  ],
  Bound: [
    { name: 'kind', type: 'uint8' },
    { name: 'target', type: 'address' },
    { name: 'id', type: 'uint256' },
    { name: 'limit', type: 'int256' },
  ],
} as const

/** The type of a module's domain: remote signers are sent it, for each hashes the types that it is given. */
export const DOMAIN_TYPE = [
  { name: 'name', type: 'string' },
  { name: 'version', type: 'string' },
  { name: 'chainId', type: 'uint256' },
  { name: 'verifyingContract', type: 'address' },
] as const

type Hex = `0x${string}`
export type VerdictMessage = {
  safe: Hex
  nonce: bigint
  calls: { to: Hex; value: bigint; data: Hex }[]
  bounds: { kind: number; target: Hex; id: bigint; limit: bigint }[]
  proposalDigest: Hex
  policyDigest: Hex
  executor: Hex
  refBlock: bigint
  refBlockHash: Hex
  validUntil: bigint
}

export type VerdictMessageParameters = {
  proposal: Pick<Proposal, 'safe' | 'nonce' | 'policyDigest' | 'executor'> & {
    calls: Call[]
    bounds: Bound[]
  }
  proposalDigest: string
  refBlock: number
  refBlockHash: string
  /** Last second, in chain time, at which the verdict counts. */
  validUntil: number
}

/** The struct that a verifier signs and the module executes, from a proposal, the block that it was checked at and the verdict's deadline. */
export function verdictMessage({
  proposal,
  proposalDigest,
  refBlock,
  refBlockHash,
  validUntil,
}: VerdictMessageParameters): VerdictMessage {
  return {
    safe: proposal.safe as Hex,
    nonce: BigInt(proposal.nonce),
    calls: proposal.calls.map(call => ({ to: call.to as Hex, value: BigInt(call.value), data: call.data as Hex })),
    bounds: proposal.bounds.map(bound => ({
      kind: bound.kind,
      target: bound.target as Hex,
      id: BigInt(bound.id),
      limit: BigInt(bound.limit),
    })),
    proposalDigest: `0x${proposalDigest}`,
    policyDigest: `0x${proposal.policyDigest}`,
    executor: proposal.executor as Hex,
    refBlock: BigInt(refBlock),
    refBlockHash: refBlockHash as Hex,
    validUntil: BigInt(validUntil),
  }
}

/** EIP-712 domain of a module. */
export function verdictDomain(chainId: number, module: string) {
  return { name: 'Warrant', version: '1', chainId, verifyingContract: module as Hex } as const
}

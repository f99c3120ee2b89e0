import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { hashNode } from '#verifier/log/merkle.ts'

/**
 * Consistency proof from the tree of the first `size1` leaves to that of all of them (RFC 6962 §2.1.2). `leaves`: leaf
 * hashes. Work grows with the number of leaves.
 */
export function consistencyProof(leaves: readonly Uint8Array[], size1: number): Uint8Array[] {
  if (size1 === 0 || size1 === leaves.length) return []
  return subproof(size1, leaves, true)
}

/** Inclusion proof of a leaf (RFC 6962 §2.1.1). */
export function inclusionProof(leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  if (leaves.length <= 1) return []
  const split = largestPowerBelow(leaves.length)
  return index < split
    ? [...inclusionProof(leaves.slice(0, split), index), treeHash(leaves.slice(split))]
    : [...inclusionProof(leaves.slice(split), index - split), treeHash(leaves.slice(0, split))]
}

function subproof(size: number, leaves: readonly Uint8Array[], complete: boolean): Uint8Array[] {
  if (size === leaves.length) return complete ? [] : [treeHash(leaves)]
  const split = largestPowerBelow(leaves.length)
  return size <= split
    ? [...subproof(size, leaves.slice(0, split), complete), treeHash(leaves.slice(split))]
    : [...subproof(size - split, leaves.slice(split), false), treeHash(leaves.slice(0, split))]
}

/** Root of a non-empty list of leaf hashes (RFC 6962 §2.1). */
export function treeHash(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 1) return leaves[0] as Uint8Array
  const split = largestPowerBelow(leaves.length)
  return hashNode(nodeCrypto, treeHash(leaves.slice(0, split)), treeHash(leaves.slice(split)))
}

function largestPowerBelow(n: number): number {
  let power = 1
  while (power * 2 < n) power *= 2
  return power
}

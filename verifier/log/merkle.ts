import { concat, equalBytes } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { MOST_TREE_SIZE } from './treeHead.ts'

// 0x01 ‖ left ‖ right, filled anew for each hash: hashing is synchronous, and keeps nothing.
const pair = new Uint8Array(65)
pair[0] = 1

const LEAF = new Uint8Array(1)

/** SHA-256(0x00 ‖ entry) (RFC 6962 §2.1). */
export function hashLeaf(crypto: CryptoPort, entry: Uint8Array): Uint8Array {
  return crypto.sha256(LEAF, entry)
}

/** SHA-256(0x01 ‖ left ‖ right) (RFC 6962 §2.1). */
export function hashNode(crypto: CryptoPort, left: Uint8Array, right: Uint8Array): Uint8Array {
  // Of another length they would be other bytes in the same place.
  if (left.length !== 32 || right.length !== 32) throw new RangeError('a node has two hashes of 32 bytes')
  pair.set(left, 1)
  pair.set(right, 33)
  return crypto.sha256(pair)
}

/** Leaf hashes of the entries of a bundle (`bytes` holds them after their lengths), in a row; 32 bytes each. */
export function hashLeaves(crypto: CryptoPort, bytes: Uint8Array, entries: readonly Uint8Array[]): Uint8Array {
  return crypto.leafHashes?.(bytes, entries.length) ?? concat(...entries.map(entry => hashLeaf(crypto, entry)))
}

/** Node hashes of an even number of hashes in a row, pair by pair. */
export function hashNodes(crypto: CryptoPort, row: Uint8Array): Uint8Array {
  if (crypto.nodeHashes !== undefined) return crypto.nodeHashes(row)
  const above = new Uint8Array(row.length / 2)
  for (let at = 0; at < row.length; at += 64)
    above.set(hashNode(crypto, row.subarray(at, at + 32), row.subarray(at + 32, at + 64)), at / 2)
  return above
}

/**
 * Root over complete subtrees of one height in a row, and then `tail`, the root of what stands right of them; null for
 * nothing at all (RFC 6962 §2.1: a tree splits at the largest power of two below its size).
 */
export function rowRoot(crypto: CryptoPort, row: Uint8Array, tail: Uint8Array | null = null): Uint8Array | null {
  let [level, right] = [row, tail]
  while (level.length > 0) {
    const odd = level.length % 64 === 32
    const last = level.subarray(level.length - 32)
    if (odd) {
      level = level.subarray(0, level.length - 32)
      right = right === null ? last : hashNode(crypto, last, right)
    }
    if (level.length > 0) level = hashNodes(crypto, level)
  }
  return right
}

/** Root of the empty tree: SHA-256 of nothing. */
export function emptyRoot(crypto: CryptoPort): Uint8Array {
  return crypto.sha256(new Uint8Array(0))
}

/**
 * Whether `proof` shows that `leaf` (a leaf hash) stands at `index` in the tree of `size` with `root`
 * (RFC 9162 §2.1.3.2). Never throws; any size and proof length is safe.
 */
export function verifyInclusion(
  crypto: CryptoPort,
  {
    leaf,
    index,
    size,
    root,
    proof,
  }: { leaf: Uint8Array; index: number; size: number; root: Uint8Array; proof: Uint8Array[] },
): boolean {
  if (!isIndex(index) || !isIndex(size) || index >= size) return false
  if (leaf.length !== 32 || proof.some(hash => hash.length !== 32)) return false
  let node = index
  let last = size - 1
  let hash = leaf
  for (const sibling of proof) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      hash = hashNode(crypto, sibling, hash)
      while (node % 2 === 0 && node !== 0) {
        node = half(node)
        last = half(last)
      }
    } else {
      hash = hashNode(crypto, hash, sibling)
    }
    node = half(node)
    last = half(last)
  }
  return last === 0 && equalBytes(hash, root)
}

/**
 * Whether `proof` shows that the tree of `size1` with `root1` is a prefix of the tree of `size2` with `root2`
 * (RFC 9162 §2.1.4.2). Sizes go to 2^63 − 1: numbers as far as they are exact, else bigints. From an empty tree nothing
 * can be proven, so `size1` 0 is refused: whoever needs it must accept any tree knowingly. Never throws.
 */
export function verifyConsistency(
  crypto: CryptoPort,
  {
    size1,
    root1,
    size2,
    root2,
    proof,
  }: {
    size1: number | bigint
    root1: Uint8Array
    size2: number | bigint
    root2: Uint8Array
    proof: readonly Uint8Array[]
  },
): boolean {
  if (!isSize(size1) || !isSize(size2) || size1 > size2) return false
  if (proof.some(hash => hash.length !== 32)) return false
  const [from, to] = [BigInt(size1), BigInt(size2)]
  if (from === 0n) return false
  if (from === to) return proof.length === 0 && equalBytes(root1, root2)
  if (proof.length === 0 || root1.length !== 32 || root2.length !== 32) return false
  let node = from - 1n
  let last = to - 1n
  while (node % 2n === 1n) {
    node /= 2n
    last /= 2n
  }
  const rest = [...proof]
  // A complete subtree of size1 leaves is its own first proof element.
  const first = node === 0n ? root1 : rest.shift()
  if (first === undefined) return false
  let hash1 = first
  let hash2 = first
  for (const sibling of rest) {
    if (last === 0n) return false
    if (node % 2n === 1n || node === last) {
      hash1 = hashNode(crypto, sibling, hash1)
      hash2 = hashNode(crypto, sibling, hash2)
      while (node % 2n === 0n && node !== 0n) {
        node /= 2n
        last /= 2n
      }
    } else {
      hash2 = hashNode(crypto, hash2, sibling)
    }
    node /= 2n
    last /= 2n
  }
  return last === 0n && equalBytes(hash1, root1) && equalBytes(hash2, root2)
}

// Bit operators would cut to 32 bits; sizes here go to 2^53.
const half = (value: number) => Math.floor(value / 2)
const isIndex = (value: number) => Number.isSafeInteger(value) && value >= 0
const isSize = (value: number | bigint) =>
  typeof value === 'number' ? isIndex(value) : value >= 0n && value <= MOST_TREE_SIZE

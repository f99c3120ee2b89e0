import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { concatAll } from '#verifier/evidence/bytes.ts'
import { emptyRoot, hashNode, hashNodes } from '#verifier/log/merkle.ts'

/** A Merkle tree with all its complete subtrees at hand: any root, any proof in O(log size). 64 bytes a leaf. */
export type MerkleTree = {
  readonly size: number
  /** Appends leaf hashes, 32 bytes each, in a row. */
  append(leaves: Uint8Array): void
  leaf(index: number): Uint8Array
  /** Roots of the complete subtrees [from, to) of 2^height leaves, in a row. */
  nodes(height: number, from: number, to: number): Uint8Array
  /** Root of the first `size` leaves. */
  root(size?: number): Uint8Array
  /** RFC 6962 §2.1.1, in the tree of the first `size` leaves. */
  inclusionProof(index: number, size?: number): Uint8Array[]
  /** RFC 6962 §2.1.2, between the trees of the first `size1` and `size2` leaves; empty from size 0. */
  consistencyProof(size1: number, size2?: number): Uint8Array[]
}

/** A tree over leaf hashes, empty unless they are given. */
export function createMerkleTree(leaves: readonly Uint8Array[] = []): MerkleTree {
  // rows[h] holds the roots of complete subtrees of 2^h leaves, from left to right.
  const rows: { bytes: Uint8Array; count: number }[] = []
  let size = 0

  function push(height: number, hashes: Uint8Array): { bytes: Uint8Array; count: number } {
    let row = rows[height]
    if (row === undefined) {
      row = { bytes: new Uint8Array(32 * 16), count: 0 }
      rows[height] = row
    }
    const needed = 32 * row.count + hashes.length
    if (row.bytes.length < needed) {
      const larger = new Uint8Array(Math.max(needed, 2 * row.bytes.length))
      larger.set(row.bytes)
      row.bytes = larger
    }
    row.bytes.set(hashes, 32 * row.count)
    row.count += hashes.length / 32
    return row
  }
  function node(height: number, index: number): Uint8Array {
    const row = rows[height]
    if (row === undefined || index >= row.count)
      throw new RangeError(`no complete subtree ${index} of height ${height}`)
    return row.bytes.slice(32 * index, 32 * index + 32)
  }
  /** Root of leaves [from, to), where `from` is a multiple of the largest power of two in their number. */
  function range(from: number, to: number): Uint8Array {
    const width = to - from
    const height = Math.floor(Math.log2(width))
    if (2 ** height === width) return node(height, from / width)
    const split = from + largestPowerBelow(width)
    return hashNode(nodeCrypto, range(from, split), range(split, to))
  }
  function inclusion(index: number, from: number, to: number): Uint8Array[] {
    if (to - from <= 1) return []
    const split = from + largestPowerBelow(to - from)
    return index < split
      ? [...inclusion(index, from, split), range(split, to)]
      : [...inclusion(index, split, to), range(from, split)]
  }
  function consistency(size1: number, from: number, to: number, complete: boolean): Uint8Array[] {
    if (size1 === to) return complete ? [] : [range(from, to)]
    const split = from + largestPowerBelow(to - from)
    return size1 <= split
      ? [...consistency(size1, from, split, complete), range(split, to)]
      : [...consistency(size1, split, to, false), range(from, split)]
  }
  function within(what: string, value: number, most: number): void {
    if (!Number.isSafeInteger(value) || value < 0 || value > most)
      throw new RangeError(`${what} ${value} is outside the tree (${most})`)
  }

  const tree: MerkleTree = {
    get size() {
      return size
    },
    append(leaves) {
      size += leaves.length / 32
      let row = push(0, leaves)
      for (let height = 1; ; height++) {
        const [had, has] = [rows[height]?.count ?? 0, Math.floor(row.count / 2)]
        if (had === has) return
        row = push(height, hashNodes(nodeCrypto, row.bytes.subarray(64 * had, 64 * has)))
      }
    },
    leaf: index => node(0, index),
    nodes(height, from, to) {
      within('node', to, rows[height]?.count ?? 0)
      within('node', from, to)
      return (rows[height] as (typeof rows)[number]).bytes.slice(32 * from, 32 * to)
    },
    root(at = size) {
      within('size', at, size)
      return at === 0 ? emptyRoot(nodeCrypto) : range(0, at)
    },
    inclusionProof(index, at = size) {
      within('size', at, size)
      within('index', index, at - 1)
      return inclusion(index, 0, at)
    },
    consistencyProof(size1, size2 = size) {
      within('size', size2, size)
      within('size', size1, size2)
      return size1 === 0 || size1 === size2 ? [] : consistency(size1, 0, size2, true)
    },
  }
  if (leaves.length > 0) tree.append(concatAll(leaves))
  return tree
}

function largestPowerBelow(n: number): number {
  let power = 1
  while (power * 2 < n) power *= 2
  return power
}

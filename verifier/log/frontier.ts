import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { emptyRoot, hashNode } from './merkle.ts'

/** The right edge of a Merkle tree: enough to append and to know the root at every size, in O(log size) memory. */
export type Frontier = {
  readonly size: number
  /**
   * Adds a leaf hash. `onNode(height, hash)` is told of every complete subtree that this completes, height 0 (the leaf)
   * first: what a tile writer needs.
   */
  append(leaf: Uint8Array, onNode?: (height: number, hash: Uint8Array) => void): void
  root(): Uint8Array
  /** An independent frontier of the same tree. */
  copy(): Frontier
}

/** An empty tree's frontier. */
export function createFrontier(crypto: CryptoPort): Frontier {
  return frontierOf(crypto, 0, [])
}

/** `stack`: roots of complete subtrees from left to right, one per set bit of the size. */
function frontierOf(crypto: CryptoPort, startSize: number, stack: Uint8Array[]): Frontier {
  let size = startSize
  return {
    copy: () => frontierOf(crypto, size, [...stack]),
    get size() {
      return size
    },
    append(leaf, onNode) {
      onNode?.(0, leaf)
      let hash = leaf
      let height = 0
      for (let rest = size; rest % 2 === 1; rest = (rest - 1) / 2) {
        hash = hashNode(crypto, stack.pop() as Uint8Array, hash)
        height++
        onNode?.(height, hash)
      }
      stack.push(hash)
      size++
    },
    root() {
      if (stack.length === 0) return emptyRoot(crypto)
      return stack.reduceRight((right, left) => hashNode(crypto, left, right))
    },
  }
}

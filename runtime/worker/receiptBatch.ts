import type { Ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { toHex } from '#verifier/evidence/bytes.ts'
import type { Receipt, ReceiptStatement } from '#verifier/evidence/records/receipt.ts'
import { hashNode } from '#verifier/log/merkle.ts'
import { receiptBatchMessage, receiptLeaf } from '#verifier/proof/receipt.ts'

/** Signs many statements at once: one signature over the root of their Merkle tree, and a path for each. */
export function signReceipts(signer: Ed25519Signer, statements: readonly ReceiptStatement[]): Receipt[] {
  const leaves = statements.map(statement => receiptLeaf(nodeCrypto, statement))
  const root = toHex(rootOf(leaves))
  const signature = toHex(signer.sign(receiptBatchMessage(leaves.length, root)))
  return statements.map((statement, index) => ({
    statement,
    batch: { size: leaves.length, index, path: pathOf(leaves, index).map(toHex), root },
    signature,
  }))
}

// The recursive definitions of RFC 6962 §2.1: batches are small.
function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 1) return leaves[0] as Uint8Array
  const split = largestPowerBelow(leaves.length)
  return hashNode(nodeCrypto, rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split)))
}

function pathOf(leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  if (leaves.length === 1) return []
  const split = largestPowerBelow(leaves.length)
  return index < split
    ? [...pathOf(leaves.slice(0, split), index), rootOf(leaves.slice(split))]
    : [...pathOf(leaves.slice(split), index - split), rootOf(leaves.slice(0, split))]
}

function largestPowerBelow(n: number): number {
  return 2 ** Math.floor(Math.log2(n - 1))
}

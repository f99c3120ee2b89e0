import type { Ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { createMerkleTree } from '#runtime/log/merkleTree.ts'
import { toHex } from '#verifier/evidence/bytes.ts'
import type { Receipt, ReceiptStatement } from '#verifier/evidence/records/receipt.ts'
import { receiptBatchMessage, receiptLeaf } from '#verifier/proof/receipt.ts'

/** Signs many statements at once: one signature over the root of their Merkle tree, and a path for each. */
export function signReceipts(signer: Ed25519Signer, statements: readonly ReceiptStatement[]): Receipt[] {
  const leaves = statements.map(statement => receiptLeaf(nodeCrypto, statement))
  const tree = createMerkleTree(leaves)
  const root = toHex(tree.root())
  const signature = toHex(signer.sign(receiptBatchMessage(leaves.length, root)))
  return statements.map((statement, index) => ({
    statement,
    batch: { size: leaves.length, index, path: tree.inclusionProof(index).map(toHex), root },
    signature,
  }))
}

import { fromHex } from '#verifier/evidence/bytes.ts'
import { canonicalBytes } from '#verifier/evidence/canonical.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { domainBytes } from '#verifier/evidence/digest.ts'
import { payloadDigest } from '#verifier/evidence/payloadDigest.ts'
import type { Receipt, ReceiptStatement } from '#verifier/evidence/records/receipt.ts'
import type { ModelInput, Request } from '#verifier/evidence/records/request.ts'
import { hashLeaf, verifyInclusion } from '#verifier/log/merkle.ts'

/** The leaf that a statement is in its batch's tree: SHA-256(0x00 ‖ canonical statement). */
export function receiptLeaf(crypto: CryptoPort, statement: ReceiptStatement): Uint8Array {
  return hashLeaf(crypto, canonicalBytes(statement))
}

/** The bytes that a worker signs for a batch: its size and root, domain `receipt-batch`. `root`: hex. */
export function receiptBatchMessage(size: number, root: string): Uint8Array {
  return domainBytes('receipt-batch', canonicalBytes({ root, size }))
}

/** Why a receipt is not the worker's signed statement, or null when it is. */
export function receiptFault(crypto: CryptoPort, receipt: Receipt, workerPublicKey: string): string | null {
  const { size, index, path, root } = receipt.batch
  const included = verifyInclusion(crypto, {
    leaf: receiptLeaf(crypto, receipt.statement),
    index,
    size,
    root: fromHex(root),
    proof: path.map(fromHex),
  })
  if (!included) return `the receipt is not in the batch that its worker signed (root ${root.slice(0, 12)}…)`
  const signed = crypto.verifyEd25519(
    fromHex(workerPublicKey),
    receiptBatchMessage(size, root),
    fromHex(receipt.signature),
  )
  return signed ? null : `the signature is not that of worker ${receipt.statement.worker}`
}

/** Why a receipt does not speak of this request and output, or null when it does. */
export function statementFault(
  crypto: CryptoPort,
  {
    statement,
    requestLeaf,
    request,
    output,
  }: { statement: ReceiptStatement; requestLeaf: string; request: Request; output: ModelInput },
): string | null {
  const outputDigest = payloadDigest(output, crypto)
  const expected: Partial<ReceiptStatement> = {
    nonce: requestLeaf,
    model: request.model,
    numeric: request.numeric,
    inputDigest: request.inputDigest,
    outputDigest,
    proofKind: request.proofKind,
  }
  for (const [field, value] of Object.entries(expected)) {
    const actual = statement[field as keyof ReceiptStatement]
    if (actual !== value) return `receipt.${field} is ${actual}, expected ${value}`
  }
  return null
}

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
  if (!inBatch(crypto, receipt)) return notInBatch(receipt)
  return crypto.verifyEd25519(...signed(receipt, workerPublicKey)) ? null : notSigned(receipt)
}

/** The same, with the signature checked off this thread where the port can. */
export async function receiptFaultLater(
  crypto: CryptoPort,
  receipt: Receipt,
  workerPublicKey: string,
): Promise<string | null> {
  if (crypto.verifyEd25519Later === undefined) return receiptFault(crypto, receipt, workerPublicKey)
  if (!inBatch(crypto, receipt)) return notInBatch(receipt)
  return (await crypto.verifyEd25519Later(...signed(receipt, workerPublicKey))) ? null : notSigned(receipt)
}

function inBatch(crypto: CryptoPort, { statement, batch }: Receipt): boolean {
  const { size, index, path, root } = batch
  return verifyInclusion(crypto, {
    leaf: receiptLeaf(crypto, statement),
    index,
    size,
    root: fromHex(root),
    proof: path.map(fromHex),
  })
}

function signed({ batch, signature }: Receipt, workerPublicKey: string): [Uint8Array, Uint8Array, Uint8Array] {
  return [fromHex(workerPublicKey), receiptBatchMessage(batch.size, batch.root), fromHex(signature)]
}

const notInBatch = ({ batch }: Receipt) =>
  `the receipt is not in the batch that its worker signed (root ${batch.root.slice(0, 12)}…)`
const notSigned = ({ statement }: Receipt) => `the signature is not that of worker ${statement.worker}`

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

import { agreementFault } from '../agreement.ts'
import type { ProofKind } from '../proofKind.ts'

/**
 * Workers of two or more operators signed the same output and the same accumulators of every linear op. Where they differ,
 * `referee` opens the first op that does, computes it alone, and names the liar; the answer then needs another operator.
 */
export const refereed: ProofKind = {
  kind: 'refereed',
  proves: 'this output is what the exact-integer model gives, if at least one of the operators is honest',
  assumes: ['at least one of the operators that signed is honest'],
  browser: true,
  async verify(subject, ports) {
    const refuse = (detail: string) => ({ ok: false, detail, soundnessBits: null })
    const { proof, receipt } = subject.answer
    if (proof.kind !== 'refereed') return refuse('the answer carries no other receipts')
    const fault = agreementFault(subject, proof.receipts, ports)
    if (fault !== null) return refuse(fault)
    const { traceDigest } = receipt.statement
    if (traceDigest === null) return refuse(`worker ${receipt.statement.worker} signed no trace`)
    const other = proof.receipts.find(({ statement }) => statement.traceDigest !== traceDigest)
    if (other !== undefined)
      return refuse(`workers ${receipt.statement.worker} and ${other.statement.worker} signed different accumulators`)
    return {
      ok: true,
      detail: `${proof.receipts.length + 1} operators signed the same accumulators`,
      soundnessBits: null,
    }
  },
}

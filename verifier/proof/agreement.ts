import type { Receipt } from '#verifier/evidence/records/receipt.ts'
import type { ProofPorts, ProofSubject } from './proofKind.ts'
import { receiptFault, statementFault } from './receipt.ts'

/** The fewest operators that must agree. */
export const LEAST_OPERATORS = 2

/**
 * Whether workers of different operators signed the same answer to one request: every receipt is a listed worker's, no two
 * of one operator, all over this output. Null when they did, else why not.
 */
export function agreementFault(
  { request, requestLeaf, answer, workers }: ProofSubject,
  others: readonly Receipt[],
  { crypto }: Pick<ProofPorts, 'crypto'>,
): string | null {
  const operators = new Set<string>()
  for (const receipt of [answer.receipt, ...others]) {
    const { statement } = receipt
    const worker = workers.find(candidate => candidate.id === statement.worker)
    if (worker === undefined) return `worker ${statement.worker} is not listed, or not valid now`
    if (operators.has(worker.operator)) return `operator ${worker.operator} signed twice: that is one voice`
    operators.add(worker.operator)
    const unfit = statementFault(crypto, { statement, requestLeaf, request, output: answer.output })
    if (unfit !== null) return `worker ${worker.id}: ${unfit}`
    const unsigned = receiptFault(crypto, receipt, worker.publicKey)
    if (unsigned !== null) return `worker ${worker.id}: ${unsigned}`
  }
  return operators.size >= LEAST_OPERATORS ? null : `${operators.size} operator: ${LEAST_OPERATORS} must agree`
}

import { keccak256 } from 'viem'
import { reasonOf } from '#verifier/evidence/error.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import { readTransaction, type SignedTransaction, senderOf } from '#verifier/evidence/transaction.ts'
import { submittedDifference } from '../executedCalls.ts'
import { findOwn, isFirst, type RuleContext, same } from './ruleContext.ts'

type Hex = `0x${string}`

/** R47 to R51. */
export async function checkSubmission(record: RecordOf<'submission'>, context: RuleContext): Promise<void> {
  const { state, known, leafHash, fail } = context
  const { body } = record
  const proposal = findOwn(context, body.proposal, 'proposal')
  if (proposal === null) fail('R47', 'body.proposal', 'is no earlier proposal of this run')
  const verdicts = body.verdicts.flatMap(leaf => {
    const verdict = findOwn(context, leaf, 'verdict')
    if (verdict?.body.proposal === body.proposal && verdict.body.answer === 'approve') return [verdict.body]
    fail('R47', 'body.verdicts', `${leaf} does not approve this proposal`)
    return []
  })
  if (new Set(body.verdicts).size !== body.verdicts.length) fail('R47', 'body.verdicts', 'name one verdict twice')
  const raw = body.rawTransaction as Hex
  if (keccak256(raw) !== body.transactionHash) fail('R48', 'body.transactionHash', 'is not the hash of the transaction')
  if (!isFirst(known, 'transaction', body.transactionHash)) fail('R50', 'body.transactionHash', 'was submitted before')
  try {
    same(fail, 'R48', 'body.accountNonce', body.accountNonce, readTransaction(raw).nonce)
    if ((await senderOf(raw)) !== body.from || body.from !== state.run.body.keys.executor)
      fail('R48', 'body.from', "the transaction is not the executor's")
    if (proposal !== null) {
      const approvals = known.approvals.flatMap(({ record: { body: given } }) =>
        given.proposal === body.proposal && given.answer === 'approve' ? [given.signature] : [],
      )
      const other = submittedDifference({ rawTransaction: raw, proposal: proposal.body, verdicts, approvals })
      if (other !== null) fail('R49', 'body.rawTransaction', other)
    }
    checkPredecessor(record, context)
  } catch (error) {
    fail('R48', 'body.rawTransaction', reasonOf(error))
  }
  state.openProposals.delete(body.proposal)
  state.openSubmissions.set(leafHash, record)
}

function checkPredecessor({ body }: RecordOf<'submission'>, context: RuleContext): void {
  const { state, fail, scope } = context
  const open = [...state.openSubmissions].filter(([, other]) => other.body.proposal === body.proposal)
  if (body.replaces === undefined) {
    const [first] = open
    // Of an excerpt, the incident that ended it may be missing.
    if (first !== undefined && scope === 'log')
      fail('R51', 'body.replaces', `is missing, while submission ${first[0].slice(0, 12)}… of this proposal is open`)
    return
  }
  const replaced = findOwn(context, body.replaces, 'submission')
  if (replaced?.body.proposal !== body.proposal)
    fail('R51', 'body.replaces', 'is no earlier submission of this proposal')
  else if (!isFeeBump(replaced.body.rawTransaction, body.rawTransaction))
    fail('R51', 'body.replaces', 'differs by more than higher fees')
}

/** What an earlier submission holds; null where it is no transaction, which its own record was told. */
function readOrNull(raw: string): SignedTransaction | null {
  try {
    return readTransaction(raw)
  } catch {
    return null
  }
}

/** Whether a transaction does what another does under the same nonce, and pays more. */
function isFeeBump(before: string, after: string): boolean {
  const [a, b] = [readOrNull(before), readTransaction(after)]
  if (a === null) return false
  const unchanged = (['chainId', 'nonce', 'to', 'data', 'value', 'gas'] as const).every(field => a[field] === b[field])
  const more = (field: 'maxFeePerGas' | 'maxPriorityFeePerGas') => b[field] > a[field]
  return unchanged && more('maxFeePerGas') && more('maxPriorityFeePerGas')
}

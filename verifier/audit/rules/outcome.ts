import type { RecordOf } from '#verifier/evidence/record.ts'
import { readTransaction } from '#verifier/evidence/transaction.ts'
import { checkReport } from './report.ts'
import { addTo, findOwn, isFirst, type RuleContext, same } from './ruleContext.ts'

const NO_HASH = `0x${'00'.repeat(32)}`

/** R52 to R56. */
export async function checkOutcome(record: RecordOf<'outcome'>, context: RuleContext): Promise<void> {
  const { state, known, fail, leafHash } = context
  const { body } = record
  const { signature, ...unsigned } = body
  const submission = findOwn(context, body.submission, 'submission')
  if (submission === null) fail('R52', 'body.submission', 'is no earlier submission of this run')
  await checkReport(context, 'R53', { domain: 'outcome', unsigned, signer: body.signer, signature })
  if (submission === null) return
  addTo(known.outcomesOf, body.proposal, { leaf: leafHash, record })
  same(fail, 'R52', 'body.proposal', body.proposal, submission.body.proposal)
  same(fail, 'R52', 'body.transactionHash', body.transactionHash, submission.body.transactionHash)
  if (!isFirst(known, 'outcome', body.submission)) fail('R54', 'body.submission', 'has an outcome already')
  else if (body.status === 'success' && !isFirst(known, 'success', body.proposal))
    fail('R54', 'body.status', 'is a second success of its proposal')

  const judged = submission.body.verdicts.map(leaf => findOwn(context, leaf, 'verdict')?.body.refBlock ?? 0)
  if (body.blockNumber <= Math.max(...judged))
    fail('R55', 'body.blockNumber', `is ${body.blockNumber}, judged on block ${Math.max(...judged)}`)
  if (body.blockHash === NO_HASH) fail('R55', 'body.blockHash', 'is no hash of a block')
  const limit = gasLimitOf(submission.body.rawTransaction)
  if (limit !== null && BigInt(body.gasUsed) > limit.gas)
    fail('R56', 'body.gasUsed', `is ${body.gasUsed}, the transaction allows ${limit.gas}`)
  // Every other submission of the proposal ended with this one.
  for (const [open, other] of state.openSubmissions)
    if (other.body.proposal === submission.body.proposal) state.openSubmissions.delete(open)
}

function gasLimitOf(raw: string): { gas: bigint } | null {
  try {
    return { gas: readTransaction(raw).gas }
  } catch {
    return null
  }
}

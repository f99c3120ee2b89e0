import { contractOf } from '#verifier/effects/contractSignature.ts'
import { recoverApprover } from '#verifier/evidence/approvalTypes.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import { findOwn, isFirst, type RuleContext, same } from './ruleContext.ts'

/** R36 to R38. */
export async function checkApproval(record: RecordOf<'approval'>, context: RuleContext): Promise<void> {
  const { known, fail, leafHash } = context
  const { body } = record
  const proposal = findOwn(context, body.proposal, 'proposal')
  if (proposal === null) return fail('R36', 'body.proposal', 'is no earlier proposal of this run')
  same(fail, 'R36', 'body.proposalDigest', body.proposalDigest, proposalDigest(proposal.body))
  // What a contract takes for its signature only the chain can say: a verifier asks it, and the module.
  const signer = contractOf(body.signature)?.contract ?? (await recoverApprover(proposal.body, body).catch(() => null))
  if (signer !== body.signer) fail('R37', 'body.signature', 'is not that of its signer')
  if (!isFirst(known, 'approval', body.proposal, body.signer))
    fail('R38', 'body.signer', `${body.signer} has answered this proposal before`)
  known.approvals.push({ leaf: leafHash, record })
}

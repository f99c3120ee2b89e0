import { recoverTypedDataAddress } from 'viem'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import { CHECK_IDS, type Verdict } from '#verifier/evidence/records/verdict.ts'
import { isStrictSignature } from '#verifier/evidence/secp256k1.ts'
import { VERDICT_TYPES, verdictDomain, verdictMessage } from '#verifier/evidence/verdictTypes.ts'
import { checkReport } from './report.ts'
import { addTo, type Fail, findOwn, isFirst, type RuleContext, same } from './ruleContext.ts'

/** R39 to R46. */
export async function checkVerdict(record: RecordOf<'verdict'>, context: RuleContext): Promise<void> {
  const { state, known, index, leafHash, fail, scope } = context
  const { reportSignature, ...unsigned } = record.body
  const { body } = record
  const proposal = findOwn(context, body.proposal, 'proposal')
  if (proposal === null) return fail('R39', 'body.proposal', 'is no earlier proposal of this run')
  same(fail, 'R39', 'body.proposalDigest', body.proposalDigest, proposalDigest(proposal.body))
  addTo(known.verdictsOn, body.proposal, { leaf: leafHash, record })
  context.names(body.facts, 'body.facts')
  const report = { domain: 'verdict-report' as const, unsigned, signer: body.signer, signature: reportSignature }
  await checkReport(context, 'R40', report)

  for (const [i, { id }] of body.checks.entries()) same(fail, 'R41', `body.checks.${i}.id`, id, CHECK_IDS[i])
  const allOk = body.checks.every(check => check.ok === true)
  if ((body.answer === 'approve') !== allOk)
    fail('R41', 'body.answer', `is ${body.answer}, but ${allOk ? 'every check passed' : 'not every check passed'}`)
  await checkSignature(record, proposal, context)
  if (body.validUntil > proposal.body.validUntil)
    fail('R63', 'body.validUntil', `is ${body.validUntil}, after its proposal's ${proposal.body.validUntil}`)

  if (!isFirst(known, 'verdict', body.proposal, body.signer, body.refBlock))
    fail('R43', 'body.signer', `${body.signer} has judged this proposal on block ${body.refBlock} before`)
  const before = known.verdictsOf.get(body.signer) ?? []
  if (scope === 'log') checkPlace(body, { index, before, proposal: known.indexOf(body.proposal) }, fail)
  before.push({ index, leaf: leafHash })
  known.verdictsOf.set(body.signer, before)
  if (body.simulation !== null)
    same(fail, 'R46', 'body.simulation.blockNumber', body.simulation.blockNumber, body.refBlock)
  if (body.answer === 'deny') state.openProposals.delete(body.proposal)
}

/**
 * R44 and R45, which need the places of other records.
 *
 * @param place.index of the verdict's own entry
 * @param place.before the signer's verdicts, in order
 * @param place.proposal index of the proposal; null where it is not known
 */
export function checkPlace(
  { checkpointSize, previous }: Pick<Verdict, 'checkpointSize' | 'previous'>,
  place: { index: number; before: readonly { index: number; leaf: string }[]; proposal: number | null },
  fail: Fail,
): void {
  const last = place.before.findLast(({ index }) => index < checkpointSize)?.leaf ?? null
  same(fail, 'R44', 'body.previous', previous, last)
  if (checkpointSize > place.index)
    fail('R45', 'body.checkpointSize', `is ${checkpointSize}, the entry is ${place.index}`)
  if (place.proposal !== null && place.proposal >= checkpointSize)
    fail('R45', 'body.checkpointSize', `is ${checkpointSize}, the proposal is entry ${place.proposal}`)
}

async function checkSignature(
  { body }: RecordOf<'verdict'>,
  proposal: RecordOf<'proposal'>,
  { fail }: RuleContext,
): Promise<void> {
  if ((body.signature !== null) !== (body.answer === 'approve'))
    fail('R42', 'body.signature', 'stands with an approval and only there')
  if (body.signature === null) return
  const signer = await recoverTypedDataAddress({
    domain: verdictDomain(proposal.body.chainId, proposal.body.module),
    types: VERDICT_TYPES,
    primaryType: 'Verdict',
    message: verdictMessage({
      proposal: proposal.body,
      proposalDigest: body.proposalDigest,
      refBlock: body.refBlock,
      refBlockHash: body.refBlockHash,
      validUntil: body.validUntil,
    }),
    signature: body.signature as `0x${string}`,
  }).catch(() => null)
  // What libraries recover and the module does not: v 0 or 1, s in the upper half.
  if (signer?.toLowerCase() !== body.signer || !isStrictSignature(body.signature))
    fail('R42', 'body.signature', 'is not the EIP-712 signature of its signer')
}

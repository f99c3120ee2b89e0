import { fromHex } from '#verifier/evidence/bytes.ts'
import { domainBytes } from '#verifier/evidence/digest.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import { addTo, findOwn, type RuleContext, same } from './ruleContext.ts'

/** R33 to R35. */
export function checkProposal(record: RecordOf<'proposal'>, context: RuleContext): void {
  const { state, leafHash, index, crypto, known, fail } = context
  const { body } = record
  known.proposals.set(body.decision, [...(known.proposals.get(body.decision) ?? []), record])
  const digest = proposalDigest(body)
  known.byDigest.set(digest, record)
  addTo(known.byModule, body.module, { leaf: leafHash, index, digest, record })
  const nonce = `${body.module} ${BigInt(body.nonce)}`
  if (!known.byNonce.has(nonce)) known.byNonce.set(nonce, digest)
  state.openDecisions.delete(body.decision)
  state.openProposals.add(leafHash)

  const { keys, policy, chain, agent } = state.run.body
  const signed = domainBytes('proposal', fromHex(digest))
  if (!crypto.verifyEd25519(fromHex(keys.agent), signed, fromHex(body.signature)))
    fail('R33', 'body.signature', "is not the agent's")
  if (findOwn(context, body.decision, 'decision')?.body.result.type !== 'intents')
    fail('R34', 'body.decision', 'is no earlier decision of this run with intents')
  same(fail, 'R35', 'body.agent', body.agent, agent)
  same(fail, 'R35', 'body.policyDigest', body.policyDigest, policy.digest)
  same(fail, 'R35', 'body.chainId', body.chainId, chain?.chainId)
  same(fail, 'R35', 'body.safe', body.safe, chain?.safe)
  same(fail, 'R35', 'body.module', body.module, chain?.module)
  same(fail, 'R35', 'body.executor', body.executor, keys.executor)
}

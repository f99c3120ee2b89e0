import type { RecordChecker } from '#verifier/audit/recordChecker.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import { failureSeconds } from '#verifier/policy/brakes.ts'
import { type Policy, policyDigest } from '#verifier/policy/policy.ts'

/** One model call of a decision, with its records. */
export type CaseCall = { request: RecordOf<'request'>; requestLeaf: string; response: RecordOf<'response'> }

/** A proposal that stands before another in the log, and what the log says of its end. */
export type Earlier = {
  leaf: string
  proposal: RecordOf<'proposal'>
  digest: string
  /** Each signer's last answer. */
  answers: ReadonlyMap<string, 'approve' | 'deny'>
  /** Time of the last block that it was approved on, seconds; null: no approval is on record. */
  approvedAt: number | null
  /** What a verifier saw of it on chain; null: nothing yet. */
  outcome: 'success' | 'reverted' | null
}

/** One proposal under a policy, with everything that the log holds about it up to a size. Plain data: who has the log has it. */
export type Case = {
  policy: Policy
  policyDigest: string
  /** Verification key of the log. */
  logKey: string
  /** Entries of the log that count. */
  size: number
  leaf: string
  proposal: RecordOf<'proposal'>
  digest: string
  /** Answers on record to the proposal itself, each signer's last. */
  answers: ReadonlyMap<string, 'approve' | 'deny'>
  run: RecordOf<'run'>
  isRunClosed: boolean
  decision: RecordOf<'decision'>
  observation: RecordOf<'observation'> | null
  calls: readonly CaseCall[]
  approvals: readonly RecordOf<'approval'>[]
  /** Proposals for the same module before it, of the same decision or of the time that counts (`sinceSeconds`). */
  earlier: readonly Earlier[]
  /** Digest of the log's first proposal with its nonce. */
  firstWithNonce: string | null
}

/**
 * The case of a proposal, as the log has it at a size. `atSeconds`: time of the block that it is judged on.
 *
 * @throws EVIDENCE_MISSING where the proposal, its run or its decision is not there
 */
export function openCase({
  records,
  policy,
  logKey,
  size,
  leaf,
  atSeconds,
}: {
  records: RecordChecker
  policy: Policy
  logKey: string
  size: number
  leaf: string
  atSeconds: number
}): Case {
  const isThere = (one: string) => (records.indexOf(one) ?? size) < size
  const proposal = isThere(leaf) ? records.find(leaf, 'proposal') : null
  if (proposal === null)
    throw new WarrantError('EVIDENCE_MISSING', `no proposal ${leaf} in the log as this verifier has it`)
  const state = records.runs.get(proposal.runId)
  const decision = records.find(proposal.body.decision, 'decision')
  if (state === undefined || decision === null)
    throw new WarrantError('EVIDENCE_MISSING', 'the proposal rests on no decision in the log')
  const at = records.indexOf(leaf) ?? 0
  const since = atSeconds - secondsThatCount(policy)
  const earlier = records
    .proposalsFor(proposal.body.module)
    .filter(
      ({ index, record: { body } }) =>
        index < at && (body.decision === proposal.body.decision || body.validUntil >= since),
    )
    .map(({ leaf: other, digest, record }) => {
      return { leaf: other, proposal: record, digest, ...endOf(records, other, isThere) }
    })
  return {
    policy,
    policyDigest: policyDigest(policy),
    logKey,
    size,
    leaf,
    proposal,
    digest: proposalDigest(proposal.body),
    answers: endOf(records, leaf, isThere).answers,
    run: state.run,
    isRunClosed: state.closedAt !== null && state.closedAt < size,
    decision,
    observation: decision.body.observation === null ? null : records.find(decision.body.observation, 'observation'),
    calls: decision.body.doors.flatMap(use => {
      const response = records.find(use.answer, 'response')
      const request = response === null ? null : records.find(response.body.request, 'request')
      return response === null || request === null ? [] : [{ request, requestLeaf: response.body.request, response }]
    }),
    approvals: records
      .approvalsOf(leaf)
      .filter(approval => isThere(approval.leaf))
      .map(({ record }) => record),
    earlier,
    firstWithNonce: records.firstWithNonce(proposal.body.module, proposal.body.nonce),
  }
}

/** How long what was done counts, seconds: the longest window of the policy's limits. */
export function secondsThatCount({ limits }: Policy): number {
  return Math.max(limits.rollingSeconds, limits.cooldownSeconds, failureSeconds(limits), 3_600)
}

/** What the log says of a proposal's end. */
function endOf(
  records: RecordChecker,
  leaf: string,
  isThere: (leaf: string) => boolean,
): Pick<Earlier, 'answers' | 'approvedAt' | 'outcome'> {
  const answers = new Map<string, 'approve' | 'deny'>()
  let approvedAt: number | null = null
  for (const verdict of records.verdictsOn(leaf)) {
    if (!isThere(verdict.leaf)) continue
    const { signer, answer, refTime } = verdict.record.body
    answers.set(signer, answer)
    if (answer === 'approve') approvedAt = Math.max(approvedAt ?? 0, refTime)
  }
  let outcome: Earlier['outcome'] = null
  for (const { leaf: one, record } of records.outcomesOf(leaf))
    if (isThere(one) && outcome !== 'success') outcome = record.body.status
  return { answers, approvedAt, outcome }
}

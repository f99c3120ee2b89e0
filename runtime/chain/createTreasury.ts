import { buildProposal } from '#agents/build/buildProposal.ts'
import type { VerifierClient } from '#runtime/api/verifierClient.ts'
import type { Ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Appended, Appender } from '#verifier/evidence/ports/log.ts'
import type { BlobRef } from '#verifier/evidence/primitives.ts'
import type { Approval } from '#verifier/evidence/records/approval.ts'
import type { Decision } from '#verifier/evidence/records/decision.ts'
import type { Outcome } from '#verifier/evidence/records/outcome.ts'
import type { Proposal } from '#verifier/evidence/records/proposal.ts'
import type { ChainIdentity } from '#verifier/evidence/records/run.ts'
import type { Verdict } from '#verifier/evidence/records/verdict.ts'
import { createPanel, type LoggedProposal, onOneBlock } from './createPanel.ts'
import type { Executor } from './executor.ts'
import { type NotSent, NotSentError } from './notSentError.ts'

export type CreateTreasuryParameters = {
  agent: string
  chain: ChainIdentity
  policyDigest: string
  /** Seconds that a proposal stays valid. */
  validitySeconds: number
  threshold: number
  /** Verifiers that a proposal needs beyond the threshold, by its value at risk. */
  thresholdFor?(proposal: LoggedProposal, tick: number): number
  firstNonce: bigint
  signer: Ed25519Signer
  logs: { agent: Appender; verifier: Appender }
  /** Keeps the facts that verdicts rest on. */
  putBlob(bytes: Uint8Array): BlobRef
  verifiers: readonly VerifierClient[]
  executor: Executor
  chainTimeSeconds(): Promise<number>
  /** The block that all verifiers are asked to judge on; without it each takes its own head. */
  refBlock?(): Promise<number>
  /** Whose signatures the module counts now, and how many it takes; without it, whoever is asked. */
  accepted?(): Promise<Accepted>
  /** How long verifiers are waited for. */
  patience?: { deadlineMs?: number; graceMs?: number }
  /** Who is asked before verifiers are; without them nobody is. */
  people?: People
  /** Between verdict and execution: the devnet's market moves on here. */
  beforeExecution?(tick: number): Promise<void>
  /** How an approved proposal that expired is replaced by a new one; without it none is. */
  expiry?: {
    /** Of a block, in seconds. */
    timeOf(blockNumber: number): Promise<number>
    /** Waits until the chain's final time is past `seconds`; false: the run ends before. */
    past(seconds: number): Promise<boolean>
  }
}

/** Proposals of one decision that take an expired one's place, at most. */
const MOST_REPLACEMENTS = 1

/** The people whom a policy asks above a value. */
export type People = {
  /** Seconds that a proposal stays valid that they must approve. */
  validitySeconds: number
  isAsked(proposal: Proposal, decision: Decision): Promise<boolean>
  /** Waits for their answers, each on record. `given`: those that are on record already. */
  ask(proposal: LoggedProposal, decision: Decision, given: readonly Approval[]): Promise<PeopleAnswer>
}

/** `late`: their time went by before enough of them had answered. `stopped`: the run ends before; they can still answer. */
export type PeopleAnswer = { end: 'answered' | 'late' | 'stopped'; answers: readonly Approval[] }

/** Verifiers by address, and how many of them must sign. */
export type Accepted = { verifiers: ReadonlySet<string>; threshold: number }

export type { LoggedProposal } from './createPanel.ts'

export type Settlement = {
  /** Null where the intents cannot become calls: that is on record as an incident. */
  proposal: LoggedProposal | null
  verdicts: Verdict[]
  outcome: Outcome | null
  /** Why what verifiers approved was not sent: the module would revert, or gas costs too much. On record as an incident. */
  refused?: NotSent
  /** Whether it waits for people still, beyond this process: whoever starts again takes it up. */
  waits?: boolean
}

/** A proposal of an earlier life that waits for people. */
export type WaitingProposal = { proposal: LoggedProposal; decision: Decision; answers: readonly Approval[] }

/**
 * From a decision's intents to an audited outcome: proposal, verdicts, submission, outcome, each on record before the next.
 * An approved proposal that expired before it was executed is replaced by a new one, judged anew, once the chain's final
 * time has passed its deadline and it can never be executed (evidence.md §5). One that people approved is not: they saw
 * those calls.
 */
export type Treasury = {
  propose(decision: Appended): Promise<LoggedProposal>
  /** Asks every verifier; the answers are on record. */
  judge(proposal: LoggedProposal): Promise<{ leafHash: string; body: Verdict }[]>
  settle(decision: Appended, tick: number): Promise<Settlement>
  /** Goes on with a proposal that an earlier life left waiting for people. */
  takeUp(waiting: WaitingProposal, tick: number): Promise<Settlement>
}

type Ended = Settlement & {
  isApproved: boolean
  /** Chain time after which it can never be executed. */
  deadline: number
}

/** Creates the path from intents to the Safe. */
export function createTreasury(parameters: CreateTreasuryParameters): Treasury {
  const { agent, chain, policyDigest, validitySeconds, threshold, signer, logs, executor, people } = parameters
  let nonce = parameters.firstNonce
  const panel = createPanel({
    verifiers: parameters.verifiers,
    threshold,
    log: logs.verifier,
    putBlob: parameters.putBlob,
    ...(parameters.refBlock === undefined ? {} : { refBlock: parameters.refBlock }),
    ...parameters.patience,
  })
  const { incident } = panel

  async function propose(decision: Appended): Promise<{ proposal: LoggedProposal; isAsked: boolean }> {
    // A verifier that just started has no doubt about what came after it saw the log. One that is away is asked later.
    await panel.sync()
    const decided = decision.record.body as Decision
    const { result } = decided
    const nowSeconds = await parameters.chainTimeSeconds()
    const proposed = {
      agent,
      decision: decision.leafHash,
      intents: result.type === 'intents' ? result.intents : [],
      chain,
      nonce: nonce++,
      policyDigest,
      executor: executor.address,
      sign: signer.sign,
    }
    const brief = buildProposal({ ...proposed, validUntil: nowSeconds + validitySeconds })
    const isAsked = people !== undefined && (await people.isAsked(brief, decided))
    const body = isAsked ? buildProposal({ ...proposed, validUntil: nowSeconds + people.validitySeconds }) : brief
    const logged = logs.agent.append('proposal', body, [decision.leafHash])
    await logged.durable
    return { proposal: { leafHash: logged.leafHash, body }, isAsked }
  }

  return {
    propose: async decision => (await propose(decision)).proposal,
    judge: proposal => panel.judge(proposal, threshold),
    async settle(decision, tick) {
      for (let replaced = 0; ; replaced++) {
        const { isAsked, ...ended } = await settleOnce(decision, tick)
        const why = isAsked ? ASKED : replaced < MOST_REPLACEMENTS ? null : REPLACED
        if (!(await isReplaced(ended, decision.leafHash, why))) return settlementOf(ended)
      }
    },
    async takeUp({ proposal, decision, answers }, tick) {
      const ended = await bringToEnd(proposal, decision, tick, answers)
      await isReplaced(ended, proposal.body.decision, ASKED)
      return settlementOf(ended)
    },
  }

  /** The module counts its own verifiers' signatures, and refuses all where one is of somebody else. */
  function isAccepted(accepted: Accepted | null, { answer, signer }: Verdict, proposal: string): boolean {
    if (accepted === null || answer !== 'approve' || accepted.verifiers.has(signer)) return true
    incident(
      'a verdict that the module does not count',
      `${signer} approved, and is none of its verifiers`,
      { signer },
      [proposal],
    )
    return false
  }

  async function settleOnce(decision: Appended, tick: number): Promise<Ended & { isAsked: boolean }> {
    const proposed = await propose(decision).catch((error: unknown) => {
      const isUnfit = error instanceof WarrantError && ['BAD_INPUT', 'EVIDENCE_MALFORMED'].includes(error.code)
      if (!isUnfit) throw error
      incident('intents that cannot become calls', reasonOf(error), null, [decision.leafHash], 'agent')
      return null
    })
    if (proposed === null)
      return { proposal: null, verdicts: [], outcome: null, isApproved: false, isAsked: false, deadline: 0 }
    const { proposal, isAsked } = proposed
    return { ...(await bringToEnd(proposal, decision.record.body as Decision, tick, isAsked ? [] : null)), isAsked }
  }

  /** From a proposal on record to its outcome. `given`: what people answered before; null: they are not asked. */
  async function bringToEnd(
    proposal: LoggedProposal,
    decision: Decision,
    tick: number,
    given: readonly Approval[] | null,
  ): Promise<Ended> {
    const unsettled = { proposal, verdicts: [], outcome: null, isApproved: false, deadline: proposal.body.validUntil }
    let answers: readonly Approval[] = []
    if (people !== undefined && given !== null) {
      // A verifier that starts again meanwhile knows that it has not signed what it saw before.
      await panel.sync()
      const asked = await people.ask(proposal, decision, given)
      if (asked.end === 'stopped') return { ...unsettled, waits: true }
      if (asked.end === 'late') {
        abandon(proposal, asked.answers)
        return unsettled
      }
      answers = asked.answers
    }
    const approvals = answers.filter(({ answer }) => answer === 'approve')
    const accepted = (await parameters.accepted?.()) ?? null
    const needed = Math.max(threshold, parameters.thresholdFor?.(proposal, tick) ?? 0, accepted?.threshold ?? 0)
    const verdicts = await panel.judge(proposal, needed, accepted?.verifiers)
    const bodies = verdicts.map(v => v.body)
    const approving = onOneBlock(verdicts.filter(({ body }) => isAccepted(accepted, body, proposal.leafHash)))
    await parameters.beforeExecution?.(tick)
    if (approving.length < needed) {
      // A denial is a proposal's end, and so is the incident of a verifier that was away; too few that approve is said here.
      if (bodies.length === parameters.verifiers.length && bodies.every(({ answer }) => answer === 'approve'))
        incident('too few verdicts', `${approving.length} of ${needed} verifiers approved`, null, [proposal.leafHash])
      return { ...unsettled, verdicts: bodies }
    }
    const { expiry } = parameters
    const deadline = Math.min(...approving.map(({ body }) => body.validUntil))
    if (expiry !== undefined && (await parameters.chainTimeSeconds()) > deadline)
      return { ...unsettled, verdicts: bodies, isApproved: true, deadline }
    const sent = await executor
      .submit({ proposal, verdicts: approving.slice(0, needed), approvals }, ({ what, reason, evidence, ends }) =>
        incident(what, reason, evidence, ends, 'executor'),
      )
      .catch((error: unknown) => {
        if (error instanceof NotSentError) return error.refusal
        throw error
      })
    if (!('submission' in sent)) {
      // What came too late is named, and perhaps replaced, below.
      if (sent.kind === 'Expired' && expiry !== undefined)
        return { ...unsettled, verdicts: bodies, isApproved: true, deadline }
      const evidence = { kind: sent.kind, nonce: proposal.body.nonce }
      incident('a transaction was not sent', sent.words, evidence, [proposal.leafHash], 'executor')
      return { ...unsettled, verdicts: bodies, refused: sent }
    }
    const { submission } = sent
    const outcome = await panel.outcomeOf(submission.leafHash)
    await logs.verifier.append('outcome', outcome, [submission.leafHash]).durable
    return { proposal, verdicts: bodies, outcome, isApproved: true, deadline }
  }

  /** People had their time: nothing was signed for it, so nothing is reserved. */
  function abandon({ leafHash, body }: LoggedProposal, answers: readonly Approval[]): void {
    const approved = answers.filter(({ answer }) => answer === 'approve').length
    incident(
      'a proposal was abandoned',
      `people had time until ${body.validUntil} at the latest, and ${approved} approved: too few`,
      { nonce: body.nonce, approved },
      [leafHash],
      'agent',
    )
  }

  /**
   * Whether another takes the place of an approved proposal, which came too late and never can be executed any more. That it
   * came too late is on record. `why`: why none may; null: one may.
   */
  async function isReplaced(
    { proposal, outcome, isApproved, deadline }: Ended,
    decision: string,
    why: string | null,
  ): Promise<boolean> {
    const { expiry } = parameters
    if (!isApproved || expiry === undefined || proposal === null || outcome?.status === 'success') return false
    if (outcome !== null && (await expiry.timeOf(outcome.blockNumber)) <= deadline) return false
    const isPast = why === null && (await expiry.past(deadline))
    const when =
      outcome === null ? 'before it was submitted' : `before block ${outcome.blockNumber}, which has its call`
    const then = isPast ? 'a new one takes its place' : (why ?? 'the run ended before the chain was past it')
    incident(
      'a proposal expired',
      `valid until ${deadline}, ${when}: ${then}`,
      { proposal: proposal.leafHash, nonce: proposal.body.nonce },
      // What was submitted has its end already.
      [outcome === null ? proposal.leafHash : decision],
      'agent',
    )
    return isPast
  }
}

/** Why an expired proposal has no successor. */
const REPLACED = 'it had taken the place of another'
const ASKED = 'people approved these calls and no others: what is proposed next they are asked about anew'

const settlementOf = ({ proposal, verdicts, outcome, refused, waits }: Ended): Settlement => ({
  proposal,
  verdicts,
  outcome,
  ...(refused === undefined ? {} : { refused }),
  ...(waits === undefined ? {} : { waits }),
})

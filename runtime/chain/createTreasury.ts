import { buildProposal } from '#agents/build/buildProposal.ts'
import type { VerifierClient } from '#runtime/api/verifierClient.ts'
import type { Ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import type { Appended, Appender } from '#verifier/evidence/ports/log.ts'
import type { Approval } from '#verifier/evidence/records/approval.ts'
import type { Decision } from '#verifier/evidence/records/decision.ts'
import type { Outcome } from '#verifier/evidence/records/outcome.ts'
import type { Proposal } from '#verifier/evidence/records/proposal.ts'
import type { ChainIdentity } from '#verifier/evidence/records/run.ts'
import type { Verdict } from '#verifier/evidence/records/verdict.ts'
import type { Executor } from './executor.ts'

export type CreateTreasuryParameters = {
  agent: string
  chain: ChainIdentity
  policyDigest: string
  /** Seconds that a proposal stays valid. */
  validitySeconds: number
  threshold: number
  firstNonce: bigint
  signer: Ed25519Signer
  logs: { agent: Appender; verifier: Appender }
  verifiers: readonly VerifierClient[]
  executor: Executor
  chainTimeSeconds(): Promise<number>
  /** Before verifiers are asked: people's answers to a proposal, each on record. */
  approve?(proposal: Settlement['proposal'], decision: Decision, tick: number): Promise<Approval[]>
  /** Between verdict and execution: the devnet's market moves on here. */
  beforeExecution?(tick: number): Promise<void>
}

export type Settlement = {
  proposal: { leafHash: string; body: Proposal }
  verdicts: Verdict[]
  outcome: Outcome | null
}

/** From a decision's intents to an audited outcome: proposal, verdicts, submission, outcome, each on record before the next. */
export type Treasury = {
  propose(decision: Appended): Promise<Settlement['proposal']>
  /** Asks every verifier; the answers are on record. */
  judge(proposal: Settlement['proposal']): Promise<{ leafHash: string; body: Verdict }[]>
  settle(decision: Appended, tick: number): Promise<Settlement>
}

/** Creates the path from intents to the Safe. */
export function createTreasury(parameters: CreateTreasuryParameters): Treasury {
  const { agent, chain, policyDigest, validitySeconds, threshold, signer, logs, verifiers, executor } = parameters
  let nonce = parameters.firstNonce
  const alarms = new Map<string, number>()

  async function propose(decision: Appended): Promise<Settlement['proposal']> {
    // A verifier that just started has no doubt about what came after it saw the log. One that is away is asked later.
    await Promise.all(verifiers.map(verifier => verifier.sync().catch(() => {})))
    const { result } = decision.record.body as Decision
    const body = buildProposal({
      agent,
      decision: decision.leafHash,
      intents: result.type === 'intents' ? result.intents : [],
      chain,
      nonce: nonce++,
      policyDigest,
      executor: executor.address,
      validUntil: (await parameters.chainTimeSeconds()) + validitySeconds,
      sign: signer.sign,
    })
    const logged = logs.agent.append('proposal', body, [decision.leafHash])
    await logged.durable
    return { leafHash: logged.leafHash, body }
  }

  /** What a watching verifier found stands in the log as well, each time once. */
  async function recordAlarms(): Promise<void> {
    for (const verifier of verifiers) {
      const known = alarms.get(verifier.url) ?? 0
      const found = await verifier.alarms()
      for (const { transactionHash, blockNumber, reason } of found.slice(known))
        logs.verifier.append(
          'incident',
          {
            what: 'an unexplained change of the treasury',
            caughtBy: 'verifier',
            reason,
            evidence: { transactionHash, blockNumber, verifier: verifier.url },
          },
          [],
        )
      alarms.set(verifier.url, found.length)
    }
  }

  async function judge(proposal: Settlement['proposal']) {
    await recordAlarms()
    const answers = await Promise.all(
      verifiers.map(async verifier => {
        await verifier.sync()
        return verifier.verdict(proposal.leafHash)
      }),
    )
    const logged = answers.map(body => ({ body, appended: logs.verifier.append('verdict', body, [proposal.leafHash]) }))
    await Promise.all(logged.map(item => item.appended.durable))
    return logged.map(({ body, appended }) => ({ body, leafHash: appended.leafHash }))
  }

  return {
    propose,
    judge,
    async settle(decision, tick) {
      const proposal = await propose(decision)
      const answers = (await parameters.approve?.(proposal, decision.record.body as Decision, tick)) ?? []
      const approvals = answers.filter(({ answer }) => answer === 'approve')
      const verdicts = await judge(proposal)
      const bodies = verdicts.map(v => v.body)
      // One module call carries one reference block: verdicts on the same block go together.
      const approving = verdicts.filter(
        v => v.body.answer === 'approve' && v.body.refBlockHash === verdicts[0]?.body.refBlockHash,
      )
      await parameters.beforeExecution?.(tick)
      if (approving.length < threshold) return { proposal, verdicts: bodies, outcome: null }
      const { submission } = await executor.submit({ proposal, verdicts: approving.slice(0, threshold), approvals })
      const [auditor] = verifiers
      if (auditor === undefined) return { proposal, verdicts: bodies, outcome: null }
      await auditor.sync()
      const outcome = await auditor.outcome(submission.leafHash)
      await logs.verifier.append('outcome', outcome, [submission.leafHash]).durable
      return { proposal, verdicts: bodies, outcome }
    },
  }
}

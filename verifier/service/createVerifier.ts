import type { Unexplained } from '#verifier/audit/completeness.ts'
import type { AuditContext, AuditedCall, AuditPorts, MarketPort } from '#verifier/audit/context.ts'
import { postAudit } from '#verifier/audit/postAudit.ts'
import { preAudit } from '#verifier/audit/preAudit.ts'
import { treasuryUsd } from '#verifier/effects/treasuryValue.ts'
import { outflowsOf } from '#verifier/effects/valueAtRisk.ts'
import { toHex } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { AttestationPort } from '#verifier/evidence/ports/attestation.ts'
import type { BlockRef, ChainPort } from '#verifier/evidence/ports/chain.ts'
import type { Clock } from '#verifier/evidence/ports/clock.ts'
import type { EnginePort } from '#verifier/evidence/ports/engine.ts'
import type { SandboxPort } from '#verifier/evidence/ports/sandbox.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import { decodeRecord } from '#verifier/evidence/record.ts'
import type { Outcome } from '#verifier/evidence/records/outcome.ts'
import { CHECK_IDS, type Verdict } from '#verifier/evidence/records/verdict.ts'
import { verdictMessage } from '#verifier/evidence/verdictTypes.ts'
import type { Kernels } from '#verifier/kernels/openKernels.ts'
import { parseWitnessVkey } from '#verifier/log/cosignature.ts'
import { type Policy, policyDigest } from '#verifier/policy/policy.ts'
import { allWitnessKeys } from '#verifier/policy/policyWitnesses.ts'
import { cosignedBy } from './cosignedBy.ts'
import { createFollower, type TakeParameters } from './follower.ts'
import type { Journal } from './journal.ts'
import type { VerifierKey } from './key.ts'
import { createPayloads } from './payloads.ts'
import { createStrategies } from './strategies.ts'
import { createWatch } from './watch.ts'

export type CreateVerifierParameters = {
  policy: Policy
  logKey: string
  key: VerifierKey
  journal: Journal
  crypto: CryptoPort
  engine: EnginePort | null
  kernels: Kernels | null
  attestations: AttestationPort | null
  randomWords(words: Int32Array): void
  sandbox: SandboxPort
  chain: ChainPort
  market: MarketPort
  clock: Clock
  nowMicros(): number
}

/** An independent verifier: follows the log, answers proposals with signed verdicts, and says what became of them. */
export type Verifier = {
  readonly address: string
  readonly size: number
  take(parameters: TakeParameters & { blobs: readonly Uint8Array[] }): Promise<{ size: number; root: string }>
  /**
   * The verdict on a proposal in the log, by its leaf hash. `refBlock`: the block to judge it on, so that verifiers with
   * nodes of their own sign the same one; taken when it is one of the last few of this verifier's chain.
   *
   * @throws EVIDENCE_MISSING
   */
  verdict(proposal: string, refBlock?: number): Promise<Verdict>
  /**
   * Once the strategy of a proposal's run is loaded, or refused: to be awaited before a verdict takes its turn, so that what
   * loads slowly keeps nobody else waiting.
   */
  prepared(proposal: string): Promise<void>
  /** What the chain did with a submission, by its leaf hash. @throws EVIDENCE_MISSING while it is not mined */
  outcome(submission: string): Promise<Outcome>
  /** Looks at the treasury since the last time: new changes that nothing explains. Each stays in `alarms`. */
  watch(): Promise<Unexplained[]>
  readonly alarms: readonly Unexplained[]
  close(): Promise<void>
}

/** How old a reference block may be that an agent asks for: limits count from it. */
const MOST_BLOCKS_BACK = 3

/** Creates a verifier over its ports. One request at a time: the caller MUST not run two verdicts at once. */
export function createVerifier(parameters: CreateVerifierParameters): Verifier {
  const { policy, logKey, key, journal, crypto, engine, sandbox, chain, market, clock, nowMicros } = parameters
  const follower = createFollower({
    ...{ crypto, vkey: logKey, pinned: journal.pinned },
    listed: policy.identities.log.map(({ vkey }) => vkey),
  })
  const payloads = createPayloads({ crypto, policy })
  const strategies = createStrategies({ policy, crypto, sandbox, clock, payload: payloads.get })
  const digest = policyDigest(policy)
  // One that is none is said at once.
  for (const vkey of allWitnessKeys(policy)) parseWitnessVkey(crypto, vkey)
  let cosigned: AuditContext['cosigned'] = []
  let isFirst = true
  /** Chain time when this process first asked for it. */
  let startSeconds: number | null = null
  const watching = createWatch({
    chain,
    policy,
    records: follower.records,
    from: journal.watched,
    onAlarm: change => journal.alarm(change),
    onWatched: watched => journal.watch(watched),
  })

  const ports: AuditPorts = {
    crypto,
    engine,
    kernels: parameters.kernels,
    attestations: parameters.attestations,
    randomWords: parameters.randomWords,
    blob: async ({ sha256 }) => payloads.get(sha256),
    chain,
    market,
    ledger: journal,
    nowMs: clock.nowMs,
    nowMicros,
    async modelFile(model) {
      if (model.file === null) throw new WarrantError('EVIDENCE_MISSING', `model ${model.name} has no file`)
      return payloads.get(model.file.sha256)
    },
    strategy: strategies.of,
  }

  /** What failed, and was seen not to be executed until its deadline: it stays a failure. */
  const lapsed = new Set<string>()

  /** What was signed and has since been executed, or can no longer be, frees or uses its budget. */
  async function reconcile(head: BlockRef): Promise<void> {
    for (const entry of journal.open()) {
      if (lapsed.has(entry.nonce)) continue
      const used = await chain.read(
        { to: policy.module, data: `0x${IS_NONCE_USED}${BigInt(entry.nonce).toString(16).padStart(64, '0')}` },
        head.number,
      )
      if (BigInt(used) === 1n) journal.settle(entry.nonce, 'executed')
      else if (entry.validUntil < head.timestamp) {
        if (entry.status === 'reserved') journal.settle(entry.nonce, 'expired')
        else lapsed.add(entry.nonce)
      }
    }
  }

  async function blockOf(refBlock: number | undefined): Promise<BlockRef> {
    const head = await chain.head()
    if (refBlock === undefined || refBlock > head.number || refBlock < head.number - MOST_BLOCKS_BACK) return head
    return (await chain.block(refBlock)) ?? head
  }

  /** A proposal that may have been signed before this start. No signature lasts longer than the policy allows one to. */
  function doubtAt(head: BlockRef): AuditContext['maybeSigned'] {
    startSeconds ??= head.timestamp
    const latest = startSeconds + policy.limits.maxValiditySeconds
    const doubts = journal.doubts.map(doubt => ({ ...doubt, validUntil: Math.min(doubt.validUntil, latest) }))
    return doubts.find(({ validUntil }) => validUntil >= head.timestamp) ?? null
  }

  async function contextOf(leafHash: string, refBlock: number | undefined): Promise<AuditContext> {
    const { records } = follower
    const proposal = records.find(leafHash, 'proposal')
    if (proposal === null)
      throw new WarrantError('EVIDENCE_MISSING', `no proposal ${leafHash} in the log as this verifier has it`)
    const runState = records.runs.get(proposal.runId)
    const decision = records.find(proposal.body.decision, 'decision')
    if (runState === undefined || decision === null)
      throw new WarrantError('EVIDENCE_MISSING', 'the proposal rests on no decision in the log')
    const own = proposalDigest(proposal.body)
    const head = await blockOf(refBlock)
    const calls: AuditedCall[] = decision.body.doors.flatMap(use => {
      const response = records.find(use.answer, 'response')
      const request = response === null ? null : records.find(response.body.request, 'request')
      return response === null || request === null ? [] : [{ request, requestLeaf: response.body.request, response }]
    })
    return {
      policy,
      policyDigest: digest,
      logKey: follower.vkey,
      checkpointSize: follower.size,
      cosigned,
      logFindings: follower.findings,
      records,
      runState,
      proposal,
      proposalDigest: own,
      decision,
      siblings: records
        .proposalsOf(proposal.body.decision)
        .map(other => proposalDigest(other.body))
        .filter(digestOf => digestOf !== own),
      firstWithNonce: records.firstWithNonce(proposal.body.module, proposal.body.nonce),
      maybeSigned: doubtAt(head),
      observation: decision.body.observation === null ? null : records.find(decision.body.observation, 'observation'),
      calls,
      approvals: records.approvalsOf(leafHash),
      head,
      oracleTick: null,
      valueUsd: null,
      simulation: null,
    }
  }

  async function sign(leafHash: string, context: AuditContext, checks: Verdict['checks']): Promise<Verdict> {
    const { proposal, head } = context
    // What people approved waits for hours, a signature for minutes: nobody may hold it until the price suits.
    const validUntil = Math.min(proposal.body.validUntil, head.timestamp + policy.limits.maxValiditySeconds)
    const approved = checks.length === CHECK_IDS.length && checks.every(check => check.ok === true)
    let signature: string | null = null
    if (approved) {
      const { nonce } = proposal.body
      journal.reserve({
        nonce,
        proposalDigest: context.proposalDigest,
        usd: context.valueUsd ?? 0,
        treasuryUsd:
          context.observation === null || context.oracleTick === null
            ? 0
            : treasuryUsd(policy, context.observation.body.view, context.oracleTick),
        outflows: Object.fromEntries(
          [...(outflowsOf(policy, proposal.body.calls) ?? [])].map(([token, amount]) => [token, String(amount)]),
        ),
        signedAtSeconds: head.timestamp,
        validUntil,
      })
      const message = verdictMessage({
        proposal: proposal.body,
        proposalDigest: context.proposalDigest,
        refBlock: head.number,
        refBlockHash: head.hash,
        validUntil,
      })
      signature = await key.signVerdict({ chainId: policy.chainId, module: policy.module }, message)
    }
    const unsigned = {
      proposal: leafHash,
      proposalDigest: context.proposalDigest,
      answer: approved ? ('approve' as const) : ('deny' as const),
      checks,
      simulation: context.simulation,
      valueAtRiskUsd: context.valueUsd,
      checkpointSize: context.checkpointSize,
      previous: follower.records.lastVerdictOf(key.address),
      refBlock: head.number,
      refBlockHash: head.hash,
      validUntil,
      signer: key.address,
      signature,
    }
    const verdict: Verdict = { ...unsigned, reportSignature: await key.signReport('verdict-report', unsigned) }
    if (approved) journal.signed(proposal.body.nonce, verdict)
    return verdict
  }

  return {
    address: key.address,
    get size() {
      return follower.size
    },
    async take({ blobs, ...entries }) {
      for (const blob of blobs) payloads.put(blob)
      const reached = journal.pinned?.size ?? 0
      const { size, root } = await follower.take(entries)
      if (isFirst && entries.entries.length > 0) {
        isFirst = false
        // Proposals that may have been signed in another life of this key: of the first entries that this one was given.
        const doubts = entries.entries
          .slice(Math.max(0, reached - entries.from))
          .map(decodeRecord)
          .flatMap(record => {
            if (record.kind !== 'proposal') return []
            const { nonce, validUntil } = record.body
            const digestOf = proposalDigest(record.body)
            return journal.find(nonce) === null ? [{ proposalDigest: digestOf, nonce, validUntil }] : []
          })
        // Before what it saw: else one more restart would forget them.
        journal.doubt(doubts)
      }
      cosigned = cosignedBy(crypto, { note: entries.note, policy, nowMs: clock.nowMs() })
      journal.seen(size, toHex(root))
      // Its first verdict need not wait for it; a sync waits for no strategy.
      strategies.prepare([...follower.records.runs.values()].filter(({ closed }) => !closed).map(({ run }) => run))
      return { size, root: toHex(root) }
    },
    async verdict(leafHash, refBlock) {
      const context = await contextOf(leafHash, refBlock)
      const known = journal.find(context.proposal.body.nonce)
      // Asked again for what it has signed, it gives the same bytes.
      if (known?.verdict != null && known.proposalDigest === context.proposalDigest) return known.verdict
      await reconcile(context.head)
      return sign(leafHash, context, await preAudit(context, ports))
    },
    async prepared(leafHash) {
      const proposal = follower.records.find(leafHash, 'proposal')
      const state = proposal === null ? undefined : follower.records.runs.get(proposal.runId)
      // What fails here is said with the verdict.
      if (state !== undefined) await strategies.of(state.run).catch(() => {})
    },
    async outcome(leafHash) {
      const submission = follower.records.find(leafHash, 'submission')
      const proposal = submission === null ? null : follower.records.find(submission.body.proposal, 'proposal')
      if (submission === null || proposal === null)
        throw new WarrantError('EVIDENCE_MISSING', `no submission ${leafHash} in the log as this verifier has it`)
      const found = await postAudit({ chain, policy, market, submission, proposal })
      if (found === null)
        throw new WarrantError('EVIDENCE_MISSING', `transaction ${submission.body.transactionHash} is not mined`, {
          retry: 'safe',
        })
      // What was executed stays so, whatever else was sent for it; what failed once may be sent again until its deadline.
      const status = journal.find(proposal.body.nonce)?.status
      if (found.status === 'success' && status !== undefined && status !== 'executed')
        journal.settle(proposal.body.nonce, 'executed')
      else if (found.status === 'reverted' && status === 'reserved') journal.settle(proposal.body.nonce, 'failed')
      const unsigned = {
        submission: leafHash,
        proposal: submission.body.proposal,
        transactionHash: submission.body.transactionHash,
        ...found,
        signer: key.address,
      }
      return { ...unsigned, signature: await key.signReport('outcome', unsigned) }
    },
    watch: () => watching.round(),
    get alarms() {
      return journal.alarms
    },
    async close() {
      await strategies.close()
      journal.close()
    },
  }
}

/** Selector of isNonceUsed(uint256). */
const IS_NONCE_USED = '5d00bb12'

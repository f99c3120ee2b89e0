import type { Unexplained } from '#verifier/audit/completeness.ts'
import { postAudit } from '#verifier/audit/postAudit.ts'
import { toHex } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { AttestationPort } from '#verifier/evidence/ports/attestation.ts'
import type { BlockRef, ChainPort } from '#verifier/evidence/ports/chain.ts'
import type { Clock } from '#verifier/evidence/ports/clock.ts'
import type { EnginePort } from '#verifier/evidence/ports/engine.ts'
import type { MarketPort } from '#verifier/evidence/ports/market.ts'
import type { SandboxPort } from '#verifier/evidence/ports/sandbox.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import { reasonText } from '#verifier/evidence/reasonText.ts'
import { decodeRecord } from '#verifier/evidence/record.ts'
import type { Outcome } from '#verifier/evidence/records/outcome.ts'
import type { Verdict } from '#verifier/evidence/records/verdict.ts'
import { verdictMessage } from '#verifier/evidence/verdictTypes.ts'
import { gather, type KnownBefore } from '#verifier/gather/gather.ts'
import type { GatherPorts } from '#verifier/gather/ports.ts'
import { type Case, openCase } from '#verifier/judge/case.ts'
import { encodeFacts, type Facts } from '#verifier/judge/facts.ts'
import type { Judgement } from '#verifier/judge/judge.ts'
import type { Kernels } from '#verifier/kernels/openKernels.ts'

import { parseWitnessVkey } from '#verifier/log/cosignature.ts'
import { highestSince } from '#verifier/policy/brakes.ts'
import type { Policy } from '#verifier/policy/policy.ts'
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

/** A signed answer, and the payload that it rests on. */
export type JudgedVerdict = { verdict: Verdict; facts: Facts }

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
  verdict(proposal: string, refBlock?: number): Promise<JudgedVerdict>
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
  const { policy, logKey, key, journal, crypto, engine, sandbox, chain, market, clock } = parameters
  const follower = createFollower({
    ...{ crypto, vkey: logKey, pinned: journal.pinned },
    listed: policy.identities.log.map(({ vkey }) => vkey),
  })
  const payloads = createPayloads({ crypto, policy })
  const strategies = createStrategies({ policy, crypto, sandbox, clock, payload: payloads.get })
  // One that is none is said at once.
  for (const vkey of allWitnessKeys(policy)) parseWitnessVkey(crypto, vkey)
  let cosigned: Facts['log']['cosigned'] = []
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

  const ports: GatherPorts = {
    crypto,
    engine,
    kernels: parameters.kernels,
    attestations: parameters.attestations,
    randomWords: parameters.randomWords,
    blob: async ({ sha256 }) => payloads.get(sha256),
    chain,
    market,
    find: follower.records.find,
    nowMicros: parameters.nowMicros,
    async modelFile(model) {
      if (model.file === null) throw new WarrantError('EVIDENCE_MISSING', `model ${model.name} has no file`)
      return payloads.get(model.file.sha256)
    },
    strategy: strategies.of,
  }

  async function blockOf(refBlock: number | undefined): Promise<BlockRef> {
    const head = await chain.head()
    if (refBlock === undefined || refBlock > head.number || refBlock < head.number - MOST_BLOCKS_BACK) return head
    return (await chain.block(refBlock)) ?? head
  }

  /** A proposal that may have been signed before this start. No signature lasts longer than the policy allows one to. */
  function doubtAt(head: BlockRef): Facts['journal']['maybeSigned'] {
    startSeconds ??= head.timestamp
    const latest = startSeconds + policy.limits.maxValiditySeconds
    const doubts = journal.doubts.map(doubt => ({ ...doubt, validUntil: Math.min(doubt.validUntil, latest) }))
    const doubt = doubts.find(({ validUntil }) => validUntil >= head.timestamp)
    return doubt === undefined ? null : { proposalDigest: doubt.proposalDigest, validUntil: doubt.validUntil }
  }

  /** What this verifier knows of a case before it asks anybody. */
  function knownBefore({ proposal, digest, size, earlier }: Case, head: BlockRef): KnownBefore {
    const promised = journal.find(proposal.body.nonce)
    // Denied on record, and signed before or after that: whoever asks may have kept the signature back.
    const signedYetDenied = earlier
      .filter(one => [...one.answers.values()].includes('deny'))
      .filter(one => journal.find(one.proposal.body.nonce)?.proposalDigest === one.digest)
      .map(one => one.digest)
    const [fault] = follower.findings
    return {
      nowMs: clock.nowMs(),
      head,
      log: { size, fault: fault === undefined ? null : reasonText(`${fault.where}: ${fault.reason}`), cosigned },
      journal: {
        nonceSignedFor: promised === null || promised.proposalDigest === digest ? null : promised.proposalDigest,
        maybeSigned: doubtAt(head),
        highestTreasuryUsd: journal.highestTreasuryUsd(highestSince(policy.limits, head.timestamp)),
        ...(signedYetDenied.length === 0 ? {} : { signedYetDenied: signedYetDenied.slice(-1_024) }),
      },
    }
  }

  async function sign(subject: Case, facts: Facts, judgement: Judgement): Promise<JudgedVerdict> {
    const { proposal, leaf, digest, size } = subject
    const { head } = facts
    const { answer, checks, simulation, valueUsd } = judgement
    // What people approved waits for hours, a signature for minutes: nobody may hold it until the price suits.
    const validUntil = Math.min(proposal.body.validUntil, head.timestamp + policy.limits.maxValiditySeconds)
    let signature: string | null = null
    if (answer === 'approve') {
      const { nonce } = proposal.body
      journal.reserve({
        nonce,
        proposalDigest: digest,
        treasuryUsd: judgement.treasuryUsd ?? 0,
        signedAtSeconds: head.timestamp,
        validUntil,
      })
      const message = verdictMessage({
        proposal: proposal.body,
        proposalDigest: digest,
        refBlock: head.number,
        refBlockHash: head.hash,
        validUntil,
      })
      signature = await key.signVerdict({ chainId: policy.chainId, module: policy.module }, message)
    }
    const bytes = encodeFacts(facts)
    const unsigned = {
      proposal: leaf,
      proposalDigest: digest,
      answer,
      checks,
      facts: { sha256: toHex(crypto.sha256(bytes)), size: bytes.length },
      simulation,
      valueAtRiskUsd: valueUsd,
      checkpointSize: size,
      previous: follower.records.lastVerdictOf(key.address),
      refBlock: head.number,
      refBlockHash: head.hash,
      refTime: head.timestamp,
      validUntil,
      signer: key.address,
      signature,
    }
    const verdict: Verdict = { ...unsigned, reportSignature: await key.signReport('verdict-report', unsigned) }
    if (answer === 'approve') journal.signed(proposal.body.nonce, verdict, facts)
    return { verdict, facts }
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
    async verdict(leaf, refBlock) {
      const head = await blockOf(refBlock)
      const { size, records } = follower
      const subject = openCase({ records, policy, logKey: follower.vkey, size, leaf, atSeconds: head.timestamp })
      const known = journal.find(subject.proposal.body.nonce)
      // Asked again for what it has signed, it gives the same bytes.
      if (known?.signed != null && known.proposalDigest === subject.digest) return known.signed
      const { facts, judgement } = await gather(subject, knownBefore(subject, head), ports)
      return sign(subject, facts, judgement)
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

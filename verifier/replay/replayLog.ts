import type { RecordChecker } from '#verifier/audit/recordChecker.ts'
import { type LogReport, verifyLog } from '#verifier/audit/verifyLog.ts'
import { boundsDifference, boundsOf, callsDifference } from '#verifier/effects/expectCalls.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { digestBytes } from '#verifier/evidence/digest.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { AttestationPort } from '#verifier/evidence/ports/attestation.ts'
import type { EnginePort } from '#verifier/evidence/ports/engine.ts'
import type { SandboxedStrategy, SandboxPort } from '#verifier/evidence/ports/sandbox.ts'
import type { BlobRef } from '#verifier/evidence/primitives.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import type { Kernels } from '#verifier/kernels/openKernels.ts'
import { readBlobs } from '#verifier/log/readBlobs.ts'
import { formatVkey, type NoteKey } from '#verifier/log/signedNote.ts'
import type { Finding, LogFiles } from '#verifier/log/verifyTree.ts'
import { type Policy, policy as policySchema } from '#verifier/policy/policy.ts'
import type { ProofPorts } from '#verifier/proof/proofKind.ts'
import { type Counterfactual, createCounterfactual } from './counterfactual.ts'
import { createPublicEpochs, type PublicEpoch } from './publicEpochs.ts'
import { type Divergence, rederiveDecision } from './rederiveDecision.ts'
import { createProofReplay, type ProofCount } from './replayProofs.ts'
import { type Claims, claimsOf, createVerdictReplay, type Found, type VerdictCount } from './replayVerdicts.ts'

/** What a replay does with the fields of each record kind (evidence.md §8). */
export const REPLAY_LABELS = {
  're-derived':
    'decision: doors, result, log; proposal: calls, bounds; verdict: answer and checks, from its facts; its facts: decision, proofs, manifest; request: inputDigest; run: digests',
  verified:
    'every entry: leaf, tree, schema, order, parents; response: receipt, proof (but the kind replay); proposal, verdict, submission, outcome: signatures',
  recorded:
    "observation: bars, chain reads; response: output; verdict's facts: chain, market, journal, cosignatures; outcome: effects; all times",
} as const

export type ReplayReport = {
  size: number
  root: string | null
  identical: number
  diverged: number
  missed: number
  /** Proposals whose calls are their decision's. */
  proposals: number
  /** Proposals whose calls are not, and which no verifier approved: the log shows an attempt and its refusal. */
  refused: number
  /** Verdicts, judged again by their facts (evidence.md §5). */
  verdicts: Readonly<VerdictCount>
  /** What another policy would have said; null: none was asked about. */
  counterfactual: Readonly<Counterfactual> | null
  /** Proofs of model calls by kind. One that does not hold is a finding where a verdict approved what rests on it. */
  proofs: Readonly<Record<string, ProofCount>>
  /** Sealed epochs, checked in public; empty unless that was asked for. */
  epochs: readonly PublicEpoch[]
  divergences: ({ entry: number } & Divergence)[]
  findings: Finding[]
  labels: typeof REPLAY_LABELS
}

/** Decisions that the sandbox may work on while the log is read on. */
const AHEAD = 64

/** The replay of nothing. */
export function emptyReplay(): ReplayReport {
  return {
    size: 0,
    root: null,
    identical: 0,
    diverged: 0,
    missed: 0,
    proposals: 0,
    refused: 0,
    verdicts: { rederived: 0, diverged: 0, recorded: 0 },
    counterfactual: null,
    proofs: {},
    epochs: [],
    divergences: [],
    findings: [],
    labels: REPLAY_LABELS,
  }
}

/** What derives anew. */
export type ReplayPorts = {
  crypto: CryptoPort
  sandbox: SandboxPort
  kernels: Kernels | null
  randomWords(words: Int32Array): void
  /** Null: answers that rest on attestations stay unchecked. */
  attestations: AttestationPort | null
  /** Null: answers whose proof is to run the model again stay unchecked. */
  engine: EnginePort | null
  /** Checks sealed epochs with coins that everybody derives, too. */
  isPublic?: boolean
  /** Another policy, of which is to be said what it would have denied or allowed. */
  policy?: Policy | null
  onDecision?(done: number): void
}

/** What a replay needs of the records that were read. */
export type ReplayedRecords = Pick<RecordChecker, 'find'> & {
  readonly runs: ReadonlyMap<string, { run: RecordOf<'run'> }>
}

/** Where the records come from. */
export type ReplaySource = {
  key: NoteKey
  /** All of a log's records: of a part no verdict can be judged again, as it counts what stands elsewhere. */
  isWhole: boolean
  /** Verifies, and hands out each record in the order of the log. */
  read(
    onRecord: (leafHash: string, index: number, records: ReplayedRecords) => Promise<void>,
  ): Promise<Pick<LogReport, 'size' | 'root' | 'findings'>>
  /** A payload by its digest. @throws EVIDENCE_MISSING */
  payload(ref: BlobRef): Uint8Array
}

/** Replays a log from its files alone: verifies it, runs every decision again, derives every proposal's calls again. */
export async function replayLog({
  files,
  key,
  ...ports
}: ReplayPorts & { files: LogFiles; key: NoteKey }): Promise<ReplayReport> {
  const { crypto } = ports
  return replayRecords(ports, {
    key,
    isWhole: true,
    read: onRecord => verifyLog({ files, crypto, key }, onRecord),
    payload: await readBlobs(files, crypto),
  })
}

/** The same over records from wherever they are read. */
export async function replayRecords(
  {
    crypto,
    sandbox,
    kernels,
    randomWords,
    attestations,
    engine,
    isPublic = false,
    policy = null,
    onDecision,
  }: ReplayPorts,
  { key, isWhole, read, payload: blobs }: ReplaySource,
): Promise<ReplayReport> {
  const strategies = new Map<string, SandboxedStrategy>()
  const report = emptyReplay()
  const diverge = (entry: number, divergence: Divergence) => {
    report.diverged++
    if (report.divergences.length < 100) report.divergences.push({ entry, ...divergence })
  }
  const ports: ProofPorts = {
    crypto,
    engine,
    kernels,
    randomWords,
    attestation: attestations === null ? null : { port: attestations, accepted: [], atMs: 'stated' },
    blob: async ref => blobs(ref),
    async modelFile({ name, file }) {
      if (file === null) throw new WarrantError('EVIDENCE_MISSING', `model ${name} has no file`)
      return blobs(file)
    },
  }
  const proofs = createProofReplay(ports)
  const inPublic = isPublic ? createPublicEpochs(ports, key.name) : null
  if (inPublic !== null) report.epochs = inPublic.epochs
  report.proofs = proofs.counts
  const verdicts = createVerdictReplay(formatVkey(key), blobs)
  report.verdicts = verdicts.counts
  const claims: Claims[] = []
  const other = policy === null ? null : createCounterfactual(policy)
  report.counterfactual = other?.report ?? null
  /** How each decision, made again, differs, and what its strategy looks at, by leaf hash. */
  const decided = new Map<string, Pick<Found, 'decision' | 'manifest'>>()
  const ahead: Promise<void>[] = []
  const unproven: Finding[] = []
  /** Answers behind decisions that a verdict approved. */
  const approvedOn: { index: number; answer: string }[] = []
  /** Answers behind decisions of a backtest or of a run on paper. */
  const decidedOn: { index: number; answer: string }[] = []
  const suspect = new Map<string, { entry: number; divergence: Divergence }>()

  async function strategyOf(run: RecordOf<'run'>): Promise<SandboxedStrategy> {
    const known = strategies.get(run.runId)
    if (known !== undefined) return known
    const { strategy } = run.body
    if (strategy === null) throw new WarrantError('EVIDENCE_MALFORMED', 'the run has decisions but no strategy')
    const bytes = blobs(strategy.bundle)
    if (digestBytes('strategy', bytes, crypto) !== strategy.digest)
      throw new WarrantError('EVIDENCE_MALFORMED', 'the bundle does not have the digest of the run')
    const loaded = await sandbox.load(bytes, strategy.params)
    strategies.set(run.runId, loaded)
    return loaded
  }

  try {
    const log = await read(async (leafHash, index, records) => {
      const response = records.find(leafHash, 'response')
      if (response !== null) {
        const request = records.find(response.body.request, 'request')
        const run = records.runs.get(response.runId)?.run
        if (request !== null && run !== undefined) {
          await proofs.check(leafHash, response, request, run)
          await inPublic?.take(index, leafHash, response, { request, run })
        } else await inPublic?.take(index, leafHash, null, null)
      } else await inPublic?.take(index, leafHash, records.find(leafHash, 'seal'), null)
      const decision = records.find(leafHash, 'decision')
      if (decision !== null) {
        const run = records.runs.get(decision.runId)?.run
        if (run === undefined) return
        // Where no verifier stands between, a decision itself rests on its answers.
        if (run.body.mode === 'backtest' || run.body.mode === 'paper')
          for (const { answer } of decision.body.doors) decidedOn.push({ index, answer })
        if (decision.body.result.type === 'missed') {
          report.missed++
          return
        }
        const strategy = await strategyOf(run)
        const { intervalSeconds, window } = strategy.manifest.market
        ahead.push(
          rederiveDecision({ crypto, strategy, find: records.find }, decision).then(divergence => {
            decided.set(leafHash, { decision: divergence, manifest: { intervalSeconds, window } })
            if (divergence === null) report.identical++
            else diverge(index, divergence)
            onDecision?.(report.identical + report.diverged)
          }),
        )
        if (ahead.length >= AHEAD) await ahead.shift()
      }
      const proposal = records.find(leafHash, 'proposal')
      if (proposal !== null) {
        const divergence = rederiveProposal(
          proposal,
          records.find(proposal.body.decision, 'decision'),
          records.runs.get(proposal.runId)?.run ?? null,
        )
        if (divergence === null) report.proposals++
        else suspect.set(leafHash, { entry: index, divergence })
      }
      const verdict = records.find(leafHash, 'verdict')
      if (verdict !== null && (!isWhole || !isChecker(records))) verdicts.leave()
      else if (verdict !== null && isChecker(records)) {
        const again = verdicts.take({ index, leaf: leafHash, record: verdict }, records)
        if (again !== null) {
          claims.push(claimsOf(again))
          other?.take(again)
        }
      }
      if (verdict?.body.answer === 'approve') {
        const approved = suspect.get(verdict.body.proposal)
        if (approved !== undefined) diverge(approved.entry, approved.divergence)
        suspect.delete(verdict.body.proposal)
        const proposal = records.find(verdict.body.proposal, 'proposal')
        const decided = proposal === null ? null : records.find(proposal.body.decision, 'decision')
        for (const { answer } of decided?.body.doors ?? []) approvedOn.push({ index, answer })
      }
    })
    await Promise.all(ahead)
    await proofs.settle()
    for (const claim of claims) {
      const found = decided.get(claim.decision)
      if (found !== undefined) verdicts.compare(claim, { ...found, refused: proofs.refused })
    }
    for (const { index, answer } of approvedOn) {
      const reason = proofs.refused.get(answer)
      if (reason !== undefined)
        unproven.push({ where: `entry ${index} (verdict)`, reason: `approved on what is not proven: ${reason}` })
    }
    const baseless = decidedOn.filter(({ answer }) => proofs.refused.has(answer))
    const [first] = baseless
    if (first !== undefined)
      unproven.push({
        where: `entry ${first.index} (decision)`,
        reason: `decided on what is not proven, and ${baseless.length - 1} more: ${proofs.refused.get(first.answer)}`,
      })
    report.refused = suspect.size
    report.size = log.size
    report.root = log.root
    report.findings = [...log.findings, ...unproven, ...verdicts.findings]
  } catch (error) {
    report.findings.push({ where: 'replay', reason: reasonOf(error) })
  } finally {
    for (const strategy of strategies.values()) await strategy.close()
  }
  return report
}

const isChecker = (records: ReplayedRecords): records is RecordChecker => 'verdictsOn' in records

function rederiveProposal(
  proposal: RecordOf<'proposal'>,
  decision: RecordOf<'decision'> | null,
  run: RecordOf<'run'> | null,
): Divergence | null {
  const intents = decision?.body.result.type === 'intents' ? decision.body.result.intents : []
  const policy = policySchema.safeParse(run?.body.policy.document)
  if (!policy.success)
    return { field: 'policyDigest', recorded: proposal.body.policyDigest, rederived: 'the run has no treasury policy' }
  const calls = callsDifference(proposal.body.calls, intents, policy.data, proposal.body.validUntil)
  if (calls !== null) return { field: 'calls', recorded: `${proposal.body.calls.length} calls`, rederived: calls }
  const bounds = boundsDifference(proposal.body.bounds, boundsOf(intents, policy.data))
  return bounds === null
    ? null
    : { field: 'bounds', recorded: `${proposal.body.bounds.length} bounds`, rederived: bounds }
}

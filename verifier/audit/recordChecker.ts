import { claimToVerify, isClaimed } from '#verifier/evidence/authorship.ts'
import { toHex } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { reasonOf } from '#verifier/evidence/error.ts'
import type { BlobRef } from '#verifier/evidence/primitives.ts'
import { type AnyRecord, decodeRecord, type RecordKind, type RecordOf } from '#verifier/evidence/record.ts'
import { createFrontier } from '#verifier/log/frontier.ts'
import type { Finding } from '#verifier/log/verifyTree.ts'
import { checkBody } from './rules/checkBody.ts'
import { checkHandover } from './rules/handover.ts'
import type { Fail, Known, Placed, PlacedProposal, RuleContext, Scope } from './rules/ruleContext.ts'
import { newRunState, type RunState } from './rules/runState.ts'
import { checkTime } from './rules/time.ts'

export type { RunState } from './rules/runState.ts'

/** A run without a close: it goes on, or its process was cut off. Counts of what has begun in it and not ended. */
export type OpenRun = { runId: string; requests: number; proposals: number; submissions: number }

/** Follows a log record by record, in order. */
export type RecordChecker = {
  /** Checks the entry and takes it into the state. Findings, empty when all holds; signatures of receipts may still be checked, see `settle`. */
  check(entry: Uint8Array, index: number, leaf: Uint8Array): Promise<Finding[]>
  /** Findings of the checks that were left running, each once. */
  settle(): Promise<Finding[]>
  /** What is wrong where the log ends under another key than its last handover, or else its first run, names. `vkey`: its own. */
  keyFindings(vkey: string): Finding[]
  /** The log's keys in order, as its records name them. */
  readonly logKeys: readonly string[]
  /** Runs without a close, which goes on or was cut off: what is unfinished in them. */
  open(): OpenRun[]
  /** The record with a leaf hash, of one kind. */
  find<K extends RecordKind>(leafHash: string, kind: K): RecordOf<K> | null
  /** The record with a leaf hash, of whatever kind. */
  record(leafHash: string): AnyRecord | null
  /** Index of the record with a leaf hash; null where there is none. */
  indexOf(leafHash: string): number | null
  approvalsOf(proposal: string): readonly Placed<'approval'>[]
  /** Answers of verifiers to a proposal, in order. */
  verdictsOn(proposal: string): readonly Placed<'verdict'>[]
  outcomesOf(proposal: string): readonly Placed<'outcome'>[]
  /** Proposals for a module, in order. */
  proposalsFor(module: string): readonly PlacedProposal[]
  /** Every proposal of a decision, in order. */
  proposalsOf(decision: string): RecordOf<'proposal'>[]
  /** Digest of the first proposal with a nonce of the module, or null. */
  firstWithNonce(module: string, nonce: string): string | null
  /** The proposal with a digest, or null. */
  proposalOf(digest: string): RecordOf<'proposal'> | null
  /** Leaf hash of a signer's last verdict, or null. */
  lastVerdictOf(signer: string): string | null
  readonly runs: ReadonlyMap<string, RunState>
  readonly counts: Readonly<Partial<Record<RecordKind, number>>>
  readonly blobs: readonly { ref: BlobRef; where: string }[]
}

/**
 * Checks the numbered rules of records (evidence.md §12), which need nothing but the log. Keeps every record in memory.
 */
export function createRecordChecker(crypto: CryptoPort, { scope = 'log' }: { scope?: Scope } = {}): RecordChecker {
  const records = new Map<string, { record: AnyRecord; index: number }>()
  const runs = new Map<string, RunState>()
  const counts: Partial<Record<RecordKind, number>> = {}
  const blobs: { ref: BlobRef; where: string }[] = []
  let later: Promise<Finding[]>[] = []
  /** Over every entry that came in, readable or not. */
  const frontier = createFrontier(crypto)

  function find<K extends RecordKind>(leafHash: string, kind: K): RecordOf<K> | null {
    const record = records.get(leafHash)?.record
    return record?.kind === kind ? (record as RecordOf<K>) : null
  }

  const known: Known = {
    find,
    indexOf: leafHash => records.get(leafHash)?.index ?? null,
    lastRun: null,
    logKeys: [],
    verdictsOf: new Map(),
    once: new Set(),
    proposals: new Map(),
    byDigest: new Map(),
    byNonce: new Map(),
    byModule: new Map(),
    approvals: [],
    verdictsOn: new Map(),
    outcomesOf: new Map(),
  }

  async function check(entry: Uint8Array, index: number, leaf: Uint8Array): Promise<Finding[]> {
    const findings: Finding[] = []
    let record: AnyRecord
    try {
      record = decodeRecord(entry)
    } catch (error) {
      frontier.append(leaf)
      return [{ where: `entry ${index}`, reason: reasonOf(error), rule: 'R1' }]
    }
    const root = record.kind === 'handover' && scope === 'log' ? frontier.root() : null
    frontier.append(leaf)
    const fail: Fail = (rule, field, reason) =>
      void findings.push({ where: `entry ${index} (${record.kind}) ${field}`, reason, rule })
    const leafHash = toHex(leaf)
    counts[record.kind] = (counts[record.kind] ?? 0) + 1
    if (record.kind === 'handover') {
      checkHandover(record, { crypto, known, fail, index, root, where: `entry ${index}` })
      records.set(leafHash, { record, index })
      return findings
    }
    if (record.kind === 'run') {
      if (runs.has(record.runId)) fail('R2', 'runId', 'a second run record of one run')
      else runs.set(record.runId, newRunState(record))
    }
    const state = runs.get(record.runId)
    if (state === undefined) {
      fail('R2', 'runId', 'no run record comes before it')
      return findings
    }
    const context: RuleContext = {
      scope,
      crypto,
      state,
      known,
      index,
      leafHash,
      where: `entry ${index}`,
      fail,
      later: promise => void later.push(promise),
      names: (ref, field) => void blobs.push({ ref, where: `entry ${index} (${record.kind}) ${field}` }),
    }
    checkEnvelope(record, context)
    await checkBody(record, context)
    records.set(leafHash, { record, index })
    if (record.kind === 'run') known.lastRun = leafHash
    return findings
  }

  /** R3 to R8. */
  function checkEnvelope(record: AnyRecord, context: RuleContext): void {
    const { state, fail, where } = context
    if (state.closed) fail('R3', 'runId', 'comes after the close of its run')
    const isNext = scope === 'log' ? record.seq === state.nextSeq : record.seq >= state.nextSeq
    if (!isNext) fail('R4', 'seq', `is ${record.seq}, expected ${state.nextSeq}`)
    state.nextSeq = record.seq + 1
    if (scope === 'log')
      for (const parent of record.parents)
        if (!records.has(parent)) fail('R5', 'parents', `${parent} is not an earlier entry`)
    checkTime(record, context)
    const field = `${where} (${record.kind}) signature`
    if (!isClaimed(record)) {
      if (record.signature !== undefined) fail('R6', 'signature', `a ${record.kind} record of this kind carries none`)
      return
    }
    const claim = claimToVerify(record, state.run.body.keys.agent)
    if (claim === null) return fail('R6', 'signature', "is missing: the run's agent key signs it")
    const finding = { where: field, reason: "is not that of the run's agent key", rule: 'R6' }
    const verify = crypto.verifyEd25519Later ?? (async (...signed) => crypto.verifyEd25519(...signed))
    later.push(verify(...claim).then(holds => (holds ? [] : [finding])))
  }

  return {
    check,
    async settle() {
      const running = later
      later = []
      return (await Promise.all(running)).flat()
    },
    keyFindings(vkey) {
      const last = known.logKeys.at(-1)
      if (last === undefined || last.vkey === vkey) return []
      return [{ where: last.where, reason: `is ${last.vkey}, expected ${vkey}`, rule: last.rule }]
    },
    get logKeys() {
      return known.logKeys.map(({ vkey }) => vkey)
    },
    find,
    record: leafHash => records.get(leafHash)?.record ?? null,
    proposalsOf: decision => known.proposals.get(decision) ?? [],
    firstWithNonce: (module, nonce) => known.byNonce.get(`${module} ${BigInt(nonce)}`) ?? null,
    proposalOf: digest => known.byDigest.get(digest) ?? null,
    indexOf: known.indexOf,
    approvalsOf: proposal => known.approvals.filter(({ record }) => record.body.proposal === proposal),
    verdictsOn: proposal => known.verdictsOn.get(proposal) ?? [],
    outcomesOf: proposal => known.outcomesOf.get(proposal) ?? [],
    proposalsFor: module => known.byModule.get(module) ?? [],
    lastVerdictOf: signer => known.verdictsOf.get(signer)?.at(-1)?.leaf ?? null,
    runs,
    counts,
    blobs,
    open() {
      return [...runs]
        .filter(([, state]) => !state.closed)
        .map(([runId, state]) => ({
          runId,
          requests: state.openRequests.size,
          proposals: state.openProposals.size,
          submissions: state.openSubmissions.size,
        }))
    },
  }
}

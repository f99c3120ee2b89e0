import {
  hashMessage,
  keccak256,
  parseTransaction,
  recoverAddress,
  recoverTransactionAddress,
  recoverTypedDataAddress,
} from 'viem'
import { recoverApprover } from '#verifier/evidence/approvalTypes.ts'
import { fromBase64, fromHex, toHex } from '#verifier/evidence/bytes.ts'
import { canonicalBytes } from '#verifier/evidence/canonical.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { type Domain, digestBytes, digestJson, domainBytes } from '#verifier/evidence/digest.ts'
import { reasonOf } from '#verifier/evidence/error.ts'
import { paramsDigest } from '#verifier/evidence/paramsText.ts'
import { payloadDigest } from '#verifier/evidence/payloadDigest.ts'
import type { BlobRef } from '#verifier/evidence/primitives.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import { type AnyRecord, decodeRecord, type RecordKind, type RecordOf } from '#verifier/evidence/record.ts'
import { payloadsOf, proofIn, proofName } from '#verifier/evidence/records/proof.ts'
import { isStrictSignature } from '#verifier/evidence/secp256k1.ts'
import { VERDICT_TYPES, verdictDomain, verdictMessage } from '#verifier/evidence/verdictTypes.ts'
import { createFrontier } from '#verifier/log/frontier.ts'
import type { Finding } from '#verifier/log/verifyTree.ts'
import { receiptFaultLater, statementFault } from '#verifier/proof/receipt.ts'

import { submittedDifference } from './executedCalls.ts'

type Hex = `0x${string}`

/** What is known of a run while its records come in. */
export type RunState = {
  run: RecordOf<'run'>
  nextSeq: number
  nextTick: Map<string, number>
  nextNumber: Map<string, number>
  decisions: number
  /** Requests without an answer, by leaf hash. */
  openRequests: Map<string, RecordOf<'request'>>
  closed: boolean
  /** The next seal, and the answers that it must commit to: leaf hashes of those with a trace. */
  epoch: number
  unsealed: Uint8Array[]
}

/** Follows a log record by record, in order. */
export type RecordChecker = {
  /** Checks the entry and takes it into the state. Findings, empty when all holds; signatures of receipts may still be checked, see `settle`. */
  check(entry: Uint8Array, index: number, leaf: Uint8Array): Promise<Finding[]>
  /** Findings of the checks that were left running, each once. */
  settle(): Promise<Finding[]>
  /** What is missing at the end: requests without an answer, runs that were not closed. */
  finish(): Finding[]
  /** The record with a leaf hash, of one kind. */
  find<K extends RecordKind>(leafHash: string, kind: K): RecordOf<K> | null
  approvalsOf(proposal: string): RecordOf<'approval'>[]
  /** Every proposal of a decision, in order. */
  proposalsOf(decision: string): RecordOf<'proposal'>[]
  /** Digest of the first proposal with a nonce of the module, or null. */
  firstWithNonce(module: string, nonce: string): string | null
  /** The proposal with a digest, or null. */
  proposalOf(digest: string): RecordOf<'proposal'> | null
  readonly runs: ReadonlyMap<string, RunState>
  readonly counts: Readonly<Partial<Record<RecordKind, number>>>
  readonly blobs: readonly { ref: BlobRef; where: string }[]
}

/**
 * Checks of records that need nothing but the log: schema, order, parents, digests, every signature, one terminal state
 * per request and tick. Keeps every record in memory. Of an `excerpt`, records between those given are unknown: numbers may
 * leap, and parents may be elsewhere.
 */
export function createRecordChecker(crypto: CryptoPort, scope: 'log' | 'excerpt' = 'log'): RecordChecker {
  const records = new Map<string, AnyRecord>()
  const runs = new Map<string, RunState>()
  const counts: Partial<Record<RecordKind, number>> = {}
  const blobs: { ref: BlobRef; where: string }[] = []
  const approvals: RecordOf<'approval'>[] = []
  const proposals = new Map<string, RecordOf<'proposal'>[]>()
  const byDigest = new Map<string, RecordOf<'proposal'>>()
  const byNonce = new Map<string, string>()
  let later: Promise<Finding[]>[] = []

  function find<K extends RecordKind>(leafHash: string, kind: K): RecordOf<K> | null {
    const record = records.get(leafHash)
    return record?.kind === kind ? (record as unknown as RecordOf<K>) : null
  }

  async function check(entry: Uint8Array, index: number, leaf: Uint8Array): Promise<Finding[]> {
    const findings: Finding[] = []
    let record: AnyRecord
    try {
      record = decodeRecord(entry)
    } catch (error) {
      return [{ where: `entry ${index}`, reason: reasonOf(error) }]
    }
    const fail = (field: string, reason: string) =>
      findings.push({ where: `entry ${index} (${record.kind}) ${field}`, reason })
    const leafHash = toHex(leaf)
    counts[record.kind] = (counts[record.kind] ?? 0) + 1
    if (record.kind === 'run') {
      if (runs.has(record.runId)) fail('runId', 'a second run record of one run')
      else runs.set(record.runId, newState(record))
    }
    const state = runs.get(record.runId)
    if (state === undefined) {
      fail('runId', 'no run record comes before it')
      return findings
    }
    if (state.closed) fail('runId', 'comes after the close of its run')
    const whole = scope === 'log'
    if (whole ? record.seq !== state.nextSeq : record.seq < state.nextSeq)
      fail('seq', `is ${record.seq}, expected ${state.nextSeq}`)
    state.nextSeq = record.seq + 1
    if (whole)
      for (const parent of record.parents)
        if (!records.has(parent)) fail('parents', `${parent} is not an earlier entry`)
    await checkBody({ record, state, leafHash, where: `entry ${index}`, fail })
    records.set(leafHash, record)
    return findings
  }

  async function checkBody(context: Context): Promise<void> {
    const { record, state, leafHash, where, fail } = context
    const same = (field: string, actual: unknown, expected: unknown) => {
      if (actual !== expected) fail(field, `is ${String(actual)}, expected ${String(expected)}`)
    }
    switch (record.kind) {
      case 'run': {
        const { strategy, policy, models } = record.body
        same('body.policy.digest', policy.digest, digestJson('policy', policy.document, crypto))
        if ((strategy === null) !== (record.body.mode === 'gateway'))
          fail('body.strategy', "is missing, which only a gateway's own run allows")
        if (strategy !== null) {
          same('body.strategy.paramsDigest', strategy.paramsDigest, paramsDigest(strategy.params, crypto))
          blobs.push({ ref: strategy.bundle, where: `${where} (run) body.strategy.bundle` })
        }
        for (const [i, model] of models.entries())
          if (model.file) blobs.push({ ref: model.file, where: `${where} (run) body.models.${i}.file` })
        return
      }
      case 'observation':
        return
      case 'request': {
        const { body } = record
        const next = state.nextNumber.get(body.agent) ?? 0
        if (scope === 'log') same('body.number', body.number, next)
        state.nextNumber.set(body.agent, body.number + 1)
        same('body.inputDigest', body.inputDigest, payloadDigest(body.input, crypto))
        if (body.observation !== null && find(body.observation, 'observation') === null)
          fail('body.observation', 'is no earlier observation')
        const model = state.run.body.models.find(m => m.digest === body.model && m.numeric === body.numeric)
        if (model === undefined) fail('body.model', 'is not a model of this run')
        state.openRequests.set(leafHash, record)
        return
      }
      case 'response':
        return checkResponse(record, context)
      case 'decision': {
        const { body } = record
        if (scope === 'log') same('body.tick', body.tick, state.nextTick.get(body.agent) ?? 0)
        state.nextTick.set(body.agent, body.tick + 1)
        state.decisions++
        same('body.strategy', body.strategy, state.run.body.strategy?.digest)
        same('body.params', body.params, state.run.body.strategy?.paramsDigest)
        if (body.observation !== null && find(body.observation, 'observation')?.body.view.tick !== body.tick) {
          fail('body.observation', 'is not the observation of this tick')
        }
        for (const [i, use] of body.doors.entries()) {
          const answered = use.door === 'observe' ? find(use.answer, 'observation') : find(use.answer, 'response')
          if (answered === null) fail(`body.doors.${i}`, `${use.answer} is no earlier answer of that door`)
        }
        return
      }
      case 'proposal': {
        const { body } = record
        proposals.set(body.decision, [...(proposals.get(body.decision) ?? []), record])
        const digest = proposalDigest(body)
        byDigest.set(digest, record)
        const nonce = `${body.module} ${BigInt(body.nonce)}`
        if (!byNonce.has(nonce)) byNonce.set(nonce, digest)
        const signed = domainBytes('proposal', fromHex(digest))
        if (!crypto.verifyEd25519(fromHex(state.run.body.keys.agent), signed, fromHex(body.signature)))
          fail('body.signature', "is not the agent's")
        if (find(body.decision, 'decision')?.body.result.type !== 'intents')
          fail('body.decision', 'is no earlier decision with intents')
        return
      }
      case 'approval':
        return checkApproval(record, fail)
      case 'verdict':
        return checkVerdict(record, state, fail)
      case 'submission':
        return checkSubmission(record, state, fail)
      case 'outcome': {
        const { signature, ...unsigned } = record.body
        const submitted = find(record.body.submission, 'submission')
        if (submitted === null) fail('body.submission', 'is no earlier submission')
        else {
          same('body.transactionHash', record.body.transactionHash, submitted.body.transactionHash)
          same('body.proposal', record.body.proposal, submitted.body.proposal)
        }
        await checkReport(state, 'outcome', unsigned, record.body.signer, signature, fail)
        return
      }
      case 'fill':
        if (find(record.body.decision, 'decision')?.body.result.type !== 'intents')
          fail('body.decision', 'is no earlier decision with intents')
        return
      case 'close': {
        state.closed = true
        same('body.decisions', record.body.decisions, state.decisions)
        same(
          'body.requests',
          record.body.requests,
          [...state.nextNumber.values()].reduce((sum, n) => sum + n, 0),
        )
        for (const [leaf, open] of state.openRequests)
          fail('body', `request ${open.body.number} (${leaf.slice(0, 12)}…) never got a terminal state`)
        return
      }
      case 'seal': {
        const leaves = state.unsealed
        state.unsealed = []
        // Of an excerpt, answers may be missing here.
        if (scope === 'excerpt') return
        same('body.epoch', record.body.epoch, state.epoch++)
        same('body.receipts', record.body.receipts, leaves.length)
        if (leaves.length > 0) same('body.receiptsRoot', record.body.receiptsRoot, treeRoot(crypto, leaves))
        return
      }
      case 'incident':
        return
    }
  }

  function checkResponse(record: RecordOf<'response'>, { state, leafHash, where, fail }: Context): void {
    const { body } = record
    const request = state.openRequests.get(body.request)
    if (request === undefined) return void fail('body.request', 'is no open request: unknown, or answered before')
    state.openRequests.delete(body.request)
    if (request.body.number !== body.number)
      fail('body.number', `is ${body.number}, the request has ${request.body.number}`)
    if (body.result.status !== 'ok') return
    const { output, receipt, proof } = body.result
    const name = proofName(proof)
    if (name !== request.body.proofKind)
      fail('body.result.proof.kind', `is ${name}, the request asked for ${request.body.proofKind}`)
    const fault = statementFault(crypto, {
      statement: receipt.statement,
      requestLeaf: body.request,
      request: request.body,
      output,
    })
    if (fault !== null) fail('body.result.receipt', fault)
    const traced = proofIn(proof, 'freivalds')
    if ((receipt.statement.traceDigest !== null) !== (traced !== null || proofIn(proof, 'refereed') !== null))
      fail('body.result.receipt.statement.traceDigest', `stands with a trace and only there: the proof is ${name}`)
    if (traced !== null) {
      state.unsealed.push(fromHex(leafHash))
      const { trace } = traced
      if ('inline' in trace && traceDigestOf(trace.inline, crypto) !== receipt.statement.traceDigest)
        fail('body.result.proof.trace', 'does not have the digest of its receipt')
    }
    for (const { field, ref } of payloadsOf(proof))
      blobs.push({ ref, where: `${where} (response) body.result.proof.${field}` })
    const worker = state.run.body.keys.workers.find(w => w.id === receipt.statement.worker)
    if (worker === undefined)
      return void fail('body.result.receipt', `worker ${receipt.statement.worker} is not listed in the run`)
    later.push(
      receiptFaultLater(crypto, receipt, worker.publicKey).then(forged =>
        forged === null ? [] : [{ where: `${where} (response) body.result.receipt.signature`, reason: forged }],
      ),
    )
  }

  async function checkApproval(record: RecordOf<'approval'>, fail: Fail): Promise<void> {
    const { body } = record
    const proposal = find(body.proposal, 'proposal')
    if (proposal === null) return void fail('body.proposal', 'is no earlier proposal')
    if (body.proposalDigest !== proposalDigest(proposal.body))
      fail('body.proposalDigest', 'is not that of the proposal')
    const signer = await recoverApprover(proposal.body, body).catch(() => null)
    if (signer !== body.signer) fail('body.signature', 'is not that of its signer')
    approvals.push(record)
  }

  async function checkVerdict(record: RecordOf<'verdict'>, state: RunState, fail: Fail): Promise<void> {
    const { reportSignature, ...unsigned } = record.body
    const { body } = record
    const proposal = find(body.proposal, 'proposal')
    if (proposal === null) return void fail('body.proposal', 'is no earlier proposal')
    if (body.proposalDigest !== proposalDigest(proposal.body))
      fail('body.proposalDigest', 'is not that of the proposal')
    await checkReport(state, 'verdict-report', unsigned, body.signer, reportSignature, fail)
    const allOk = body.checks.every(check => check.ok === true)
    if ((body.answer === 'approve') !== allOk)
      fail('body.answer', `is ${body.answer}, but ${allOk ? 'every check passed' : 'not every check passed'}`)
    if ((body.signature !== null) !== (body.answer === 'approve'))
      fail('body.signature', 'stands with an approval and only there')
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
      }),
      signature: body.signature as Hex,
    }).catch(() => null)
    // What libraries recover and the module does not: v 0 or 1, s in the upper half.
    if (signer?.toLowerCase() !== body.signer || !isStrictSignature(body.signature))
      fail('body.signature', 'is not the EIP-712 signature of its signer')
  }

  async function checkSubmission(record: RecordOf<'submission'>, state: RunState, fail: Fail): Promise<void> {
    const { body } = record
    const proposal = find(body.proposal, 'proposal')
    if (proposal === null) fail('body.proposal', 'is no earlier proposal')
    const verdicts = body.verdicts.flatMap(leaf => {
      const verdict = find(leaf, 'verdict')
      if (verdict?.body.proposal === body.proposal && verdict.body.answer === 'approve') return [verdict.body]
      fail('body.verdicts', `${leaf} does not approve this proposal`)
      return []
    })
    const raw = body.rawTransaction as Hex
    if (keccak256(raw) !== body.transactionHash) fail('body.transactionHash', 'is not the hash of the transaction')
    try {
      const from = await recoverTransactionAddress({ serializedTransaction: raw as `0x02${string}` })
      if (from.toLowerCase() !== body.from || body.from !== state.run.body.keys.executor)
        fail('body.from', "the transaction is not the executor's")
      if ((parseTransaction(raw).nonce ?? 0) !== body.accountNonce)
        fail('body.accountNonce', 'is not that of the transaction')
      if (proposal !== null) {
        const signed = approvals.filter(of => of.body.proposal === body.proposal && of.body.answer === 'approve')
        const other = submittedDifference({
          rawTransaction: raw,
          proposal: proposal.body,
          verdicts,
          approvals: signed.map(approval => approval.body.signature),
        })
        if (other !== null) fail('body.rawTransaction', other)
      }
      if (body.replaces !== undefined) {
        const replaced = find(body.replaces, 'submission')
        if (replaced?.body.proposal !== body.proposal)
          fail('body.replaces', 'is no earlier submission of this proposal')
        else if (!isFeeBump(replaced.body.rawTransaction as Hex, raw))
          fail('body.replaces', 'differs by more than higher fees')
      }
    } catch (error) {
      fail('body.rawTransaction', reasonOf(error))
    }
  }

  return {
    check,
    async settle() {
      const running = later
      later = []
      return (await Promise.all(running)).flat()
    },
    find,
    proposalsOf: decision => proposals.get(decision) ?? [],
    firstWithNonce: (module, nonce) => byNonce.get(`${module} ${BigInt(nonce)}`) ?? null,
    proposalOf: digest => byDigest.get(digest) ?? null,
    approvalsOf: proposal => approvals.filter(approval => approval.body.proposal === proposal),
    runs,
    counts,
    blobs,
    finish() {
      const findings: Finding[] = []
      for (const [runId, state] of runs) {
        if (state.closed) continue
        for (const open of state.openRequests.values()) {
          findings.push({
            where: `run ${runId}`,
            reason: `request ${open.body.number} of ${open.body.agent} has no terminal state`,
          })
        }
      }
      return findings
    },
  }
}

type Fail = (field: string, reason: string) => unknown
type Context = { record: AnyRecord; state: RunState; leafHash: string; where: string; fail: Fail }

async function checkReport(
  state: RunState,
  domain: Domain,
  unsigned: unknown,
  signer: string,
  signature: string,
  fail: Fail,
): Promise<void> {
  if (!state.run.body.keys.verifiers.includes(signer)) fail('body.signer', `${signer} is not a verifier of this run`)
  const hash = reportHash(domain, unsigned)
  const recovered = await recoverAddress({ hash, signature: signature as Hex }).catch(() => null)
  if (recovered?.toLowerCase() !== signer) fail('body.signature', 'the report is not signed by its signer')
}

/** The EIP-191 hash that a verifier signs for a report that does not go on chain. */
export function reportHash(domain: Domain, unsigned: unknown): Hex {
  return hashMessage({ raw: domainBytes(domain, canonicalBytes(unsigned)) })
}

function newState(run: RecordOf<'run'>): RunState {
  return {
    run,
    nextSeq: 0,
    nextTick: new Map(),
    nextNumber: new Map(),
    decisions: 0,
    openRequests: new Map(),
    closed: false,
    epoch: 0,
    unsealed: [],
  }
}

/** Digest of a trace that stands in its record; null where the text is no base64. */
function traceDigestOf(inline: string, crypto: CryptoPort): string | null {
  try {
    return digestBytes('trace', fromBase64(inline), crypto)
  } catch {
    return null
  }
}

/** Root of the tree over leaf hashes, as hex. */
function treeRoot(crypto: CryptoPort, leaves: readonly Uint8Array[]): string {
  const frontier = createFrontier(crypto)
  for (const leaf of leaves) frontier.append(leaf)
  return toHex(frontier.root())
}

/** Whether a transaction does what another does under the same nonce, and pays more. */
function isFeeBump(before: Hex, after: Hex): boolean {
  const [a, b] = [parseTransaction(before), parseTransaction(after)]
  const same = (['chainId', 'nonce', 'to', 'data', 'value', 'gas', 'type'] as const).every(
    field => a[field] === b[field],
  )
  const more = (field: 'maxFeePerGas' | 'maxPriorityFeePerGas') => (b[field] ?? 0n) > (a[field] ?? 0n)
  return same && more('maxFeePerGas') && more('maxPriorityFeePerGas')
}

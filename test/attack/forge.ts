import { type Hex, keccak256, type LocalAccount, parseTransaction } from 'viem'
import { executeCalldata } from '#runtime/chain/executor.ts'
import type { Ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { createMerkleTree } from '#runtime/log/merkleTree.ts'
import { approvalHash } from '#verifier/evidence/approvalTypes.ts'
import { claimBytes, isClaimed } from '#verifier/evidence/authorship.ts'
import { fromHex, toHex } from '#verifier/evidence/bytes.ts'
import { canonicalBytes } from '#verifier/evidence/canonical.ts'
import { digestJson, domainBytes } from '#verifier/evidence/digest.ts'
import { payloadDigest } from '#verifier/evidence/payloadDigest.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { Approval } from '#verifier/evidence/records/approval.ts'
import { type Handover, handoverBytes } from '#verifier/evidence/records/handover.ts'
import { type Proof, proofIn } from '#verifier/evidence/records/proof.ts'
import type { Proposal } from '#verifier/evidence/records/proposal.ts'
import type { Verdict } from '#verifier/evidence/records/verdict.ts'
import { verdictMessage } from '#verifier/evidence/verdictTypes.ts'
import { hashLeaf } from '#verifier/log/merkle.ts'
import { receiptBatchMessage, receiptLeaf } from '#verifier/proof/receipt.ts'
import type { VerifierKey } from '#verifier/service/key.ts'
import type { Json, Loose } from './rewritings.ts'

// Somebody who holds every key of a log and makes it anew around one lie: all that follows from the records is derived
// again and signed, so that nothing but the lie itself is wrong.

export type AllKeys = {
  log: Ed25519Signer
  agent: Ed25519Signer
  worker: Ed25519Signer
  verifier: VerifierKey
  executor: LocalAccount
  /** Of no policy: whose approvals count is for the chain and the verifiers to say. */
  approver: LocalAccount
}

/** What a case asks of the forger for one record. */
export type Marks = {
  /** Applied when all else of the record is derived, before it is signed. */
  spoil?: (record: Loose) => void
  /** Fields that are left as they are: names of body fields, or `seq`. */
  keep?: readonly string[]
  /** Left without a new signature. */
  unsigned?: boolean
}

const bodyOf = (record: Loose) => record.body as Loose

/** Makes records into entries of a log in which everything follows from everything before it, but for what is marked. */
export async function forge(
  records: readonly Loose[],
  { keys, marks, before }: { keys: AllKeys; marks: ReadonlyMap<Loose, Marks>; before: ReadonlyMap<Loose, string> },
): Promise<Uint8Array[]> {
  const renamed = new Map<string, string>()
  const entries: Uint8Array[] = []
  const seen = new Map<string, Loose>()
  const seqs = new Map<string, number>()
  const unsealed = new Map<string, string[]>()
  const epochs = new Map<string, number>()
  let lastRun: string | null = null
  const lastVerdict = new Map<string, string>()

  for (const [index, original] of records.entries()) {
    let text = JSON.stringify(original)
    for (const [old, now] of renamed) text = text.replaceAll(old, now)
    const record = JSON.parse(text) as Loose
    const body = bodyOf(record)
    const mark = marks.get(original) ?? {}
    const kept = (field: string) => mark.keep?.includes(field) === true
    const set = (target: Loose, field: string, value: Json) => {
      if (!kept(field)) target[field] = value
    }
    const runId = record.runId as string
    const seq = seqs.get(runId) ?? 0
    set(record, 'seq', seq)
    seqs.set(runId, (record.seq as number) + 1)
    const of = (leaf: Json | undefined) => (typeof leaf === 'string' ? seen.get(leaf) : undefined)

    const own = [...seen.values()].find(r => r.kind === 'run' && r.runId === runId)
    const policyDigest = own === undefined ? null : ((bodyOf(own).policy as Loose).digest as Json)
    switch (record.kind) {
      case 'run': {
        const policy = body.policy as Loose
        set(policy, 'digest', digestJson('policy', policy.document, nodeCrypto))
        set(body, 'previous', lastRun)
        break
      }
      case 'request':
        set(body, 'inputDigest', payloadDigest(body.input as never, nodeCrypto))
        break
      case 'response':
        respond(record, original, of(body.request), keys, mark)
        break
      case 'proposal':
        if (policyDigest !== null) set(body, 'policyDigest', policyDigest)
        break
      case 'approval': {
        const proposal = of(body.proposal)
        if (proposal !== undefined) set(body, 'proposalDigest', proposalDigest(bodyOf(proposal) as unknown as Proposal))
        break
      }
      case 'verdict': {
        const proposal = of(body.proposal)
        if (proposal !== undefined) set(body, 'proposalDigest', proposalDigest(bodyOf(proposal) as unknown as Proposal))
        set(body, 'checkpointSize', index)
        set(body, 'previous', lastVerdict.get(body.signer as string) ?? null)
        break
      }
      case 'outcome': {
        const submission = of(body.submission)
        if (submission !== undefined) set(body, 'transactionHash', bodyOf(submission).transactionHash as Json)
        break
      }
      case 'handover':
        set(body, 'size', index)
        set(body, 'root', toHex(createMerkleTree(entries.map(entry => hashLeaf(nodeCrypto, entry))).root()))
        break
      case 'seal': {
        const leaves = unsealed.get(runId) ?? []
        set(body, 'epoch', epochs.get(runId) ?? 0)
        set(body, 'receipts', leaves.length)
        if (leaves.length > 0) set(body, 'receiptsRoot', toHex(createMerkleTree(leaves.map(fromHex)).root()))
        break
      }
      case 'close': {
        const of = (kind: string) => [...seen.values()].filter(r => r.runId === runId && r.kind === kind).length
        set(body, 'decisions', of('decision'))
        set(body, 'requests', of('request'))
      }
    }
    mark.spoil?.(record)
    if (mark.unsigned !== true) await sign(record, of, keys, [...seen.values()])

    const entry = canonicalBytes(record)
    const leaf = toHex(hashLeaf(nodeCrypto, entry))
    const old = before.get(original)
    if (old !== undefined && old !== leaf) renamed.set(old, leaf)
    entries.push(entry)
    seen.set(leaf, record)
    if (record.kind === 'run') lastRun = leaf
    if (record.kind === 'verdict') lastVerdict.set(body.signer as string, leaf)
    if (record.kind === 'seal') {
      unsealed.set(runId, [])
      epochs.set(runId, (epochs.get(runId) ?? 0) + 1)
    }
    const result = body.result as Loose | undefined
    if (record.kind === 'response' && result?.status === 'ok' && proofIn(result.proof as Proof, 'freivalds') !== null)
      unsealed.set(runId, [...(unsealed.get(runId) ?? []), leaf])
  }
  return entries
}

/** A receipt anew: it speaks of this request and output, in a batch of its own, signed by the run's worker. */
function respond(record: Loose, original: Loose, request: Loose | undefined, keys: AllKeys, mark: Marks): void {
  const result = bodyOf(record).result as Loose
  if (result.status !== 'ok') return
  const receipt = result.receipt as Loose
  const statement = receipt.statement as Loose
  const was = JSON.stringify(((bodyOf(original).result as Loose).receipt as Loose).statement)
  if (request !== undefined && mark.keep?.includes('statement') !== true) {
    const asked = bodyOf(request)
    Object.assign(statement, {
      nonce: bodyOf(record).request,
      model: asked.model,
      numeric: asked.numeric,
      inputDigest: asked.inputDigest,
      outputDigest: payloadDigest(result.output as never, nodeCrypto),
      proofKind: asked.proofKind,
    })
  }
  if (JSON.stringify(statement) !== was) signReceipt(receipt, keys)
}

/** Signs a receipt as a batch of one. */
export function signReceipt(receipt: Loose, keys: Pick<AllKeys, 'worker'>): void {
  const root = toHex(receiptLeaf(nodeCrypto, receipt.statement as never))
  receipt.batch = { size: 1, index: 0, path: [], root }
  receipt.signature = toHex(keys.worker.sign(receiptBatchMessage(1, root)))
}

async function sign(
  record: Loose,
  of: (leaf: Json | undefined) => Loose | undefined,
  keys: AllKeys,
  earlier: readonly Loose[],
): Promise<void> {
  const body = bodyOf(record)
  if (isClaimed(record as never)) {
    record.signature = toHex(keys.agent.sign(claimBytes(record as never)))
    return
  }
  if (record.kind === 'handover') {
    // The log's key before was the agent's, where a case makes one.
    const bytes = handoverBytes(body as unknown as Handover)
    body.signatures = { from: toHex(keys.agent.sign(bytes)), to: toHex(keys.log.sign(bytes)) }
  } else if (record.kind === 'proposal') {
    const digest = proposalDigest(body as unknown as Proposal)
    body.signature = toHex(keys.agent.sign(domainBytes('proposal', fromHex(digest))))
  } else if (record.kind === 'approval') {
    const proposal = of(body.proposal)
    if (proposal === undefined) return
    const hash = approvalHash(bodyOf(proposal) as unknown as Proposal, body as unknown as Approval)
    body.signature = (await keys.approver.sign?.({ hash })) ?? null
  } else if (record.kind === 'verdict') {
    const proposal = of(body.proposal)
    if (body.signature !== null && proposal !== undefined) {
      const { chainId, module } = bodyOf(proposal) as unknown as Proposal
      const message = verdictMessage({
        proposal: bodyOf(proposal) as unknown as Proposal,
        proposalDigest: body.proposalDigest as string,
        refBlock: body.refBlock as number,
        refBlockHash: body.refBlockHash as string,
        validUntil: body.validUntil as number,
      })
      body.signature = await keys.verifier.signVerdict({ chainId, module }, message)
    }
    const { reportSignature: _, ...unsigned } = body
    body.reportSignature = await keys.verifier.signReport('verdict-report', unsigned)
  } else if (record.kind === 'outcome') {
    const { signature: _, ...unsigned } = body
    body.signature = await keys.verifier.signReport('outcome', unsigned)
  } else if (record.kind === 'submission') {
    const proposal = of(body.proposal)
    const verdicts = (body.verdicts as string[]).map(of).filter(verdict => verdict !== undefined)
    if (proposal === undefined || verdicts.length === 0) return
    const approvals = earlier.flatMap(r =>
      r.kind === 'approval' && bodyOf(r).proposal === body.proposal && bodyOf(r).answer === 'approve'
        ? [bodyOf(r) as unknown as Approval]
        : [],
    )
    const data = executeCalldata(
      bodyOf(proposal) as unknown as Proposal,
      verdicts.map(verdict => bodyOf(verdict) as unknown as Verdict),
      approvals,
    )
    await resubmit(body, keys, { data })
  }
}

/** A submission's transaction anew, with other fields, signed by the executor. */
export async function resubmit(body: Loose, keys: Pick<AllKeys, 'executor'>, changed: object): Promise<void> {
  const unsigned: { [field: string]: unknown } = { ...parseTransaction(body.rawTransaction as Hex) }
  for (const field of ['r', 's', 'v', 'yParity']) delete unsigned[field]
  const rawTransaction = await keys.executor.signTransaction({ ...unsigned, ...changed } as never)
  Object.assign(body, { rawTransaction, transactionHash: keccak256(rawTransaction) })
}

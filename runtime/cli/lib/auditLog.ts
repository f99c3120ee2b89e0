import { readPolicy } from '#config/readPolicy.ts'
import { createChainPort } from '#runtime/chain/createChainPort.ts'
import { type CompletenessReport, reconcile } from '#verifier/audit/completeness.ts'
import { rederiveOutcome } from '#verifier/audit/rederiveOutcome.ts'
import { createHoldings } from '#verifier/audit/treasury/holdings.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { ChainPort } from '#verifier/evidence/ports/chain.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { Finding } from '#verifier/log/verifyTree.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { type AuditedRecords, collectAudited } from './auditedRecords.ts'
import { type AuditedTreasury, treasuriesOf } from './auditedTreasuries.ts'
import { type Reading, type ReadOptions, readLog } from './reading/readLog.ts'

export type AuditLogParameters = ReadOptions & {
  /** Where the log lies: its directory, a bundle, a `.warrant`, or a URL. */
  dir: string
  /** JSON-RPC of the chain. */
  rpc: string
  /** The Safe that is audited; without it every one that the log names. */
  safe?: string | undefined
  /** A policy's file: its Safe, module, tokens and positions are audited, whatever the log says of them. */
  policy?: string | undefined
  /** The audit begins after this block; else at the first observation of the log. */
  fromBlock?: number | undefined
  toBlock?: number | undefined
}

/** What was found of one treasury. */
export type TreasuryAudit = CompletenessReport & { chainId: number; safe: string; module: string }

/** All of it: what the treasuries sum up to, and each by itself. */
export type AuditReport = TreasuryAudit & {
  pinned: boolean
  treasuries: TreasuryAudit[]
  findings: Finding[]
  reading: Reading
}

/** Outcomes that are derived anew at once. */
const AT_ONCE = 8

/**
 * Audits a log against the chain: the log itself, every outcome field by field, and that every change of the treasury is
 * explained. A log names its treasuries itself: `safe` and `policy` say whose you mean.
 *
 * @throws BAD_INPUT, BAD_CONFIG, CHAIN_FAILED
 * @example await auditLog({ dir: 'runs/demo/log', rpc: 'http://127.0.0.1:8545', policy: 'policy.yaml' })
 */
export async function auditLog(parameters: AuditLogParameters): Promise<AuditReport> {
  const { dir, rpc } = parameters
  const collected = collectAudited()
  const reading = await readLog(dir, parameters, collected.take)
  // Nothing that could be read: there are no treasuries to look for, and the reason is the answer.
  if (reading.trusted === null || (collected.runs.size === 0 && !reading.report.ok)) return unreadable(reading)
  const pinned = parameters.policy === undefined ? null : readPolicy(parameters.policy)
  const chain = createChainPort(rpc)
  const chainId = await chain.chainId()
  const { treasuries, findings } = treasuriesOf(collected, {
    dir,
    rpc,
    chainId,
    safe: parameters.safe?.toLowerCase() ?? pinned?.safe ?? null,
    policy: pinned,
    fromBlock: parameters.fromBlock ?? null,
  })
  const head = (await chain.head()).number
  const reports: TreasuryAudit[] = []
  const isWhole = reading.kind !== 'warrant' && reading.range === null
  for (const treasury of treasuries)
    reports.push(await auditTreasury({ chain, chainId, collected, isWhole }, treasury, parameters.toBlock ?? head))
  const [first] = reports
  if (first === undefined) throw new WarrantError('BAD_INPUT', `${dir}: there is no treasury to audit`)
  const isOne = reports.length === 1
  const sum = (of: (report: TreasuryAudit) => number) => reports.reduce((total, report) => total + of(report), 0)
  const all = <T>(of: (report: TreasuryAudit) => readonly T[]) => reports.flatMap(of)
  return {
    ...first,
    fromBlock: Math.min(...reports.map(({ fromBlock }) => fromBlock)),
    matched: sum(report => report.matched),
    owners: sum(report => report.owners),
    modules: sum(report => report.modules),
    deposits: sum(report => report.deposits),
    notes: [
      ...(isOne ? [] : [`the log holds runs of ${reports.length} treasuries: each was audited, --safe pins one`]),
      ...all(({ notes }) => notes),
    ],
    unexplained: all(({ unexplained }) => unexplained),
    unseen: all(({ unseen }) => unseen),
    pinned: parameters.safe !== undefined || pinned !== null,
    treasuries: reports,
    findings: [...reading.report.findings, ...findings],
    reading,
  }
}

const NONE: TreasuryAudit = {
  fromBlock: 0,
  toBlock: 0,
  matched: 0,
  owners: 0,
  modules: 0,
  deposits: 0,
  notes: [],
  unexplained: [],
  unseen: [],
  chainId: 0,
  safe: '',
  module: '',
}

function unreadable(reading: Reading): AuditReport {
  return { ...NONE, pinned: false, treasuries: [], findings: reading.report.findings, reading }
}

type Audited = { chain: ChainPort; chainId: number; collected: AuditedRecords; isWhole: boolean }

async function auditTreasury(
  { chain, chainId, collected: { submissions, proposals }, isWhole }: Audited,
  { identity, fromBlock, outcomes }: AuditedTreasury,
  toBlock: number,
): Promise<TreasuryAudit> {
  if (fromBlock > toBlock)
    throw new WarrantError(
      'BAD_INPUT',
      `the log begins at block ${fromBlock} of the chain, which has ${toBlock}: name another --from, or another chain`,
    )
  const report = isWhole ? await explained() : ofPart()
  for (let i = 0; i < outcomes.length; i += AT_ONCE)
    await Promise.all(
      outcomes.slice(i, i + AT_ONCE).map(outcome => judgeOutcome(chain, { submissions, proposals }, outcome, report)),
    )
  return { ...report, chainId, safe: identity.safe, module: identity.module }

  /** What else happened is not in a part of a log: only its own outcomes can be derived anew. */
  function ofPart(): CompletenessReport {
    const reason =
      'a part of a log explains no treasury: its own outcomes were derived anew, the rest needs the whole log'
    const unseen = [{ transactionHash: null, blockNumber: fromBlock, reason }]
    return { ...NONE, fromBlock, toBlock, notes: [], unexplained: [], unseen }
  }

  async function explained(): Promise<CompletenessReport> {
    const { held: _, ...found } = await reconcile({
      chain,
      identity,
      holdings: createHoldings(chain, identity),
      outcomes: outcomes.map(({ record }) => record),
      proposalOf({ transactionHash, proposalDigest: digest, nonce }) {
        const submission = submissions.byHash.get(transactionHash)
        const proposal = submission === undefined ? undefined : proposals.get(submission.body.proposal)
        const isIts =
          proposal !== undefined && proposalDigest(proposal.body) === digest && BigInt(proposal.body.nonce) === nonce
        return isIts ? proposal.body : null
      },
      fromBlock,
      toBlock,
    })
    return found
  }
}

async function judgeOutcome(
  chain: ChainPort,
  { submissions, proposals }: Pick<AuditedRecords, 'submissions' | 'proposals'>,
  { record, policy }: { record: AuditedTreasury['outcomes'][number]['record']; policy: Policy },
  report: CompletenessReport,
): Promise<void> {
  const { body } = record
  const at = { transactionHash: body.transactionHash, blockNumber: body.blockNumber }
  for (const check of body.checks)
    if (!check.ok) report.unexplained.push({ ...at, reason: `${check.id}: ${check.detail}` })
  const submission = submissions.byLeaf.get(body.submission)
  const proposal = proposals.get(body.proposal)
  // What is missing there is a finding of the log itself.
  if (submission === undefined || proposal === undefined) return
  try {
    const { differences, unseen } = await rederiveOutcome({ chain, policy, submission, proposal }, record)
    report.unexplained.push(...differences.map(reason => ({ ...at, reason: `the outcome's ${reason}` })))
    report.unseen.push(...unseen.map(reason => ({ ...at, reason })))
  } catch (error) {
    report.unseen.push({ ...at, reason: `an outcome could not be derived anew: ${reasonOf(error)}` })
  }
}

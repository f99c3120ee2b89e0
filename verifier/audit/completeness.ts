import { decodeExecuted, executedDifference } from '#verifier/audit/executedCalls.ts'
import { tokenChanges } from '#verifier/effects/tokenChanges.ts'
import { reasonOf } from '#verifier/evidence/error.ts'
import type { ChainLog, ChainPort, EventLog } from '#verifier/evidence/ports/chain.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import type { Proposal } from '#verifier/evidence/records/proposal.ts'
import { isAllowedModule } from './treasury/allowedModules.ts'
import { type Attribution, attribute, isLeaving } from './treasury/attribute.ts'
import { type Activity, readActivity, type TreasuryIdentity, topicOf } from './treasury/events.ts'
import { readFalls } from './treasury/falls.ts'
import type { Holdings } from './treasury/holdings.ts'
import { addTouched, type HeldPositions, idOf } from './treasury/positionsTouched.ts'

/** A change of the treasury that nothing in the log accounts for, or a stretch of blocks that could not be looked at. */
export type Unexplained = {
  transactionHash: string | null
  blockNumber: number
  reason: string
  /** The node does not answer: nothing is known to have changed. */
  blind?: true
}

export type CompletenessReport = {
  /** What was held after this block … */
  fromBlock: number
  /** … and what came up to this one. */
  toBlock: number
  /** Executions by the module that exactly one logged proposal explains, call by call. */
  matched: number
  /** The owners' own multisig transactions that something left by. */
  owners: number
  /** Transactions of other modules that the Safe's guard allows. */
  modules: number
  /** Transfers into the Safe from elsewhere. */
  deposits: number
  /** Gains without an event, and what tokens did by their own rules. */
  notes: string[]
  unexplained: Unexplained[]
  /** What the node could not tell; an archive node can. */
  unseen: Unexplained[]
}

/** One execution by the module, as its event tells it. */
export type Execution = { transactionHash: string; proposalDigest: string; nonce: bigint }

export type ReconcileParameters = {
  chain: ChainPort
  identity: TreasuryIdentity
  holdings: Holdings
  /** The logged proposal that an execution names, or null. */
  proposalOf(execution: Execution): Proposal | null
  /** Executions that the log claims. */
  outcomes: readonly RecordOf<'outcome'>[]
  fromBlock: number
  toBlock: number
  /** Positions held after `fromBlock`, where they are known from the round before. */
  held?: HeldPositions | null
}

/** Transactions that are looked into at once. */
const AT_ONCE = 8

/**
 * Explains every change of the Safe between two blocks (evidence.md §7, "Completeness"): what the module executed is, call
 * by call, what exactly one logged proposal says; what the owners signed is theirs; what a module did that the guard allows
 * is its own class; gains are gains. The rest is unexplained. At the end the balances themselves are compared, so that what
 * falls without an event shows too.
 *
 * @returns the report, and the positions held at the end
 * @throws CHAIN_FAILED where the node does not give the events; balances that it cannot give are `unseen`
 */
export async function reconcile(
  parameters: ReconcileParameters,
): Promise<CompletenessReport & { held: HeldPositions | null }> {
  const { chain, identity, holdings, outcomes, fromBlock, toBlock } = parameters
  const report: CompletenessReport = {
    fromBlock,
    toBlock,
    matched: 0,
    owners: 0,
    modules: 0,
    deposits: 0,
    notes: [],
    unexplained: [],
    unseen: [],
  }
  const range = { fromBlock: fromBlock + 1, toBlock }
  const read = await readActivity(chain, identity, range)
  const activities = new Map(read.map(activity => [activity.transactionHash, activity]))
  const held = await addTouched(chain, identity, range, activities, parameters.held ?? null).catch((error: unknown) => {
    report.unseen.push({ transactionHash: null, blockNumber: toBlock, reason: `positions: ${reasonOf(error)}` })
    return null
  })
  const all = [...activities.values()]
  const used = new Set<string>()
  for (let i = 0; i < all.length; i += AT_ONCE) {
    const some = all.slice(i, i + AT_ONCE)
    const told = await Promise.all(some.map(activity => attribute({ chain, identity }, activity)))
    for (const [k, activity] of some.entries())
      await judge(parameters, activity, told[k] as Attribution, { report, used })
  }
  for (const { body } of outcomes)
    if (
      body.status === 'success' &&
      body.blockNumber > fromBlock &&
      body.blockNumber <= toBlock &&
      (activities.get(body.transactionHash)?.executed.length ?? 0) === 0
    )
      report.unexplained.push({
        transactionHash: body.transactionHash,
        blockNumber: body.blockNumber,
        reason: 'the log claims an execution that the chain does not have',
      })
  const falls = await readFalls({ holdings, identity, activities: all, fromBlock, toBlock })
  const here = (reason: string) => ({ transactionHash: null, blockNumber: toBlock, reason })
  for (const reason of falls.fallen) report.unexplained.push(here(reason))
  for (const reason of falls.unseen) report.unseen.push(here(`blocks ${fromBlock} to ${toBlock}: ${reason}`))
  for (const note of falls.notes) report.notes.push(note)
  return { ...report, held }
}

type Judged = { report: CompletenessReport; used: Set<string> }

async function judge(
  { chain, identity, proposalOf }: ReconcileParameters,
  activity: Activity,
  { executions, others, modules, unknown }: Attribution,
  { report, used }: Judged,
): Promise<void> {
  const { transactionHash, blockNumber } = activity
  const me = topicOf(identity.safe)
  const unexplained = (reason: string) => void report.unexplained.push({ transactionHash, blockNumber, reason })
  if (unknown !== null) unexplained(`something left or was executed, and it cannot be told who did it: ${unknown}`)
  if (executions !== null) {
    for (const event of activity.executed) {
      const fault = executionFault(event, executions, proposalOf, used)
      if (fault === null) report.matched++
      else unexplained(fault)
    }
  }
  for (const [module, events] of modules) {
    const isAllowed = await isAllowedModule(chain, identity.safe, module, blockNumber).catch((error: unknown) => {
      unexplained(`module ${module} acted, and whether the guard allowed it cannot be told: ${reasonOf(error)}`)
      return null
    })
    if (isAllowed === true) report.modules++
    if (isAllowed === false)
      unexplained(`module ${module}, which no guard allows, executed through the Safe${tookWords(events, identity)}`)
  }
  const isLoss = (log: EventLog) => isLeaving(log, me)
  if (activity.owners.length > 0 && [...activity.tokens, ...activity.positions].some(isLoss)) report.owners++
  for (const reason of lossesOf(others, activity, identity)) unexplained(reason)
  const acted = activity.owners.length + activity.executed.length + activity.modules.length > 0
  if (!acted && activity.tokens.length > 0 && !activity.tokens.some(isLoss)) report.deposits++
}

/** Why an execution is none of a logged proposal, or null. */
function executionFault(
  { topics, transactionHash }: ChainLog,
  executions: readonly string[],
  proposalOf: ReconcileParameters['proposalOf'],
  used: Set<string>,
): string | null {
  const proposalDigest = (topics[3] ?? '').slice(2)
  const nonce = BigInt(topics[2] ?? '0x0')
  const proposal = used.has(proposalDigest) ? null : proposalOf({ transactionHash, proposalDigest, nonce })
  if (proposal === null) return 'the module executed something that no proposal in the log explains'
  const executed = executions
    .map(decodeExecuted)
    .find(input => input?.verdict.nonce === nonce && input.verdict.proposalDigest === `0x${proposalDigest}`)
  if (executed == null) return 'the module executed what cannot be read: its call is not in the canonical encoding'
  const difference = executedDifference(executed, proposal, null)
  if (difference !== null) return `the module executed other than the logged proposal says: ${difference}`
  used.add(proposalDigest)
  return null
}

/** What strangers really took: net by token, positions that are gone, what was taken out of positions. */
function lossesOf(others: readonly EventLog[], { positions, touched }: Activity, identity: TreasuryIdentity): string[] {
  const losses: string[] = []
  const why = "that neither a logged proposal nor the owners' signatures explain"
  const me = topicOf(identity.safe)
  const isOthers = (log: ChainLog) => others.some(other => sameEvent(other, log))
  for (const { asset, change } of tokenChanges(others, identity.safe, identity.tokens))
    if (BigInt(change) < 0n) losses.push(`an outflow of ${-BigInt(change)} ${asset} ${why}`)
  for (const log of positions) {
    const back = positions.findLast(other => other.address === log.address && idOf(other) === idOf(log))
    if (isLeaving(log, me) && back?.topics[2] !== me && isOthers(log))
      losses.push(`an outflow of position ${idOf(log)} of ${log.address} ${why}`)
  }
  for (const id of new Set(touched.filter(isOthers).map(idOf)))
    losses.push(`position ${id} was touched by no execution of the module or the owners`)
  return losses
}

const sameEvent = (a: EventLog, b: EventLog) =>
  a.address === b.address && a.data === b.data && a.topics.join() === b.topics.join()

function tookWords(events: readonly EventLog[], { safe, tokens }: TreasuryIdentity): string {
  const took = tokenChanges(events, safe, tokens).filter(({ change }) => BigInt(change) < 0n)
  return took.length === 0
    ? ''
    : `, and took ${took.map(({ asset, change }) => `${-BigInt(change)} ${asset}`).join(', ')}`
}

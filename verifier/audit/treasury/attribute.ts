import { EXECUTE_SELECTOR } from '#verifier/audit/executedCalls.ts'
import { WITHDRAWAL } from '#verifier/effects/tokenChanges.ts'
import { reasonOf } from '#verifier/evidence/error.ts'
import type { ChainPort, EventLog } from '#verifier/evidence/ports/chain.ts'
import { type Activity, addressIn, amountIn, TRANSFER, type TreasuryIdentity, topicOf } from './events.ts'
import { EXEC_TRANSACTION, FROM_MODULE, type Parts, partsOf } from './frames.ts'
import { ownersOutflows } from './ownersCalls.ts'

/** Who did what in one transaction. */
export type Attribution = {
  /** Inputs with which the module was called; null: they cannot be known. */
  executions: string[] | null
  /** Events of what nobody did who may: neither the owners, nor the module, nor another module. */
  others: EventLog[]
  /** Events by another module than Warrant's, by its address. */
  modules: Map<string, EventLog[]>
  /** Why it cannot be told who did what; null where it can. */
  unknown: string | null
}

type Deps = { chain: ChainPort; identity: TreasuryIdentity }

/**
 * Tells the acts of owners, of the module, of other modules and of strangers in one transaction apart. What a call holds
 * that the owners signed is theirs, to the end; what the same transaction does beside it is not. By the transaction's own
 * call where that is the whole of it, else by the node's trace, else by the calls that the owners signed.
 *
 * @example (await attribute({ chain, identity }, activity)).others // events that nobody who may caused
 */
export async function attribute({ chain, identity }: Deps, activity: Activity): Promise<Attribution> {
  const events = [...activity.tokens, ...activity.positions, ...activity.touched]
  const strangers = new Set(activity.modules.map(({ topics }) => addressIn(topics[1])))
  strangers.delete(identity.module)
  const [byOwners, byModule] = [activity.owners.length > 0, activity.executed.length > 0]
  const kinds = Number(byOwners) + Number(byModule) + strangers.size
  if (kinds === 0) return { executions: [], others: events, modules: new Map(), unknown: null }

  const transaction = await chain.transactionInput(activity.transactionHash)
  if (transaction === null) return unknown('the node does not have the transaction')
  const { to, input } = transaction
  const selector = input.slice(0, 10)
  if (kinds === 1) {
    // The whole transaction is that one call: nothing can stand beside it.
    if (byOwners && to === identity.safe && selector === EXEC_TRANSACTION) return ofOne({})
    if (byModule && to === identity.module && selector === EXECUTE_SELECTOR) return ofOne({ executions: [input] })
    const [stranger] = strangers
    if (stranger !== undefined && to === identity.safe && FROM_MODULE.has(selector))
      return ofOne({ modules: new Map([[stranger, events]]) })
  }
  const me = topicOf(identity.safe)
  const leaving = [...events.filter(log => isLeaving(log, me)), ...activity.touched]
  // Nothing left, and there is no execution to compare: who did it says nothing more.
  if (!byModule && leaving.length === 0) return ofOne({ modules: new Map([...strangers].map(s => [s, []])) })

  const parts = await tracedParts({ chain, identity }, activity)
  if (typeof parts !== 'string') return { ...parts, unknown: null }
  if (byModule) return unknown(`the module was called by ${to}, and ${parts}`)
  if (strangers.size > 0) return unknown(`several acted in one transaction, and ${parts}`)
  const signed = await ownersOutflows(chain, identity.safe, activity, input)
  if (typeof signed === 'string') return unknown(`${parts}, and ${signed}`)
  for (const [token, amount] of grossOut(leaving))
    if (amount > (signed.get(token) ?? 0n))
      return unknown(
        `${parts}, and of the ${amount} of ${token} that left the owners' calls send ${signed.get(token) ?? 0n}`,
      )
  return ofOne({})
}

/** Where all of a transaction is one party's. */
function ofOne(given: Partial<Attribution>): Attribution {
  return { executions: [], others: [], modules: new Map(), unknown: null, ...given }
}

function unknown(reason: string): Attribution {
  return { executions: null, others: [], modules: new Map(), unknown: reason }
}

/** By the node's trace; or why that does not tell. */
async function tracedParts({ chain, identity }: Deps, activity: Activity): Promise<Parts | string> {
  const frame = await chain.trace(activity.transactionHash).catch((error: unknown) => reasonOf(error))
  if (frame === null) return 'the node has no trace of it (debug_traceTransaction or trace_transaction)'
  if (typeof frame === 'string') return `the node has no trace of it (${frame})`
  const parts = partsOf(frame, identity)
  const traced = [...parts.owners, ...parts.module, ...parts.others, ...[...parts.modules.values()].flat()]
  const me = topicOf(identity.safe)
  const [told, shown] = [
    grossOut(activity.tokens.filter(log => isLeaving(log, me))),
    grossOut(traced.filter(log => isLeaving(log, me))),
  ]
  const isWhole = told.size === shown.size && [...told].every(([token, amount]) => shown.get(token) === amount)
  const hasPositions = parts.hasEvents || activity.positions.length + activity.touched.length === 0
  return isWhole && hasPositions ? parts : 'its trace does not show what its events tell'
}

/** Whether something leaves the Safe by an event: a token, wrapped coins, a position. */
export function isLeaving({ topics }: EventLog, me: string): boolean {
  return topics[1] === me && (topics[0] === WITHDRAWAL || (topics[0] === TRANSFER && topics[2] !== me))
}

/** What leaves by token, incoming amounts aside; a position counts by its manager. */
function grossOut(leaving: readonly EventLog[]): Map<string, bigint> {
  const total = new Map<string, bigint>()
  for (const log of leaving)
    if (log.topics.length < 4) total.set(log.address, (total.get(log.address) ?? 0n) + amountIn(log))
  return total
}

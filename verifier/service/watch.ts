import { reconcile, type Unexplained } from '#verifier/audit/completeness.ts'
import type { RecordChecker } from '#verifier/audit/recordChecker.ts'
import { createHoldings, type Snapshot } from '#verifier/audit/treasury/holdings.ts'
import type { HeldPositions } from '#verifier/audit/treasury/positionsTouched.ts'
import { type TreasuryPolicy, treasuryOf } from '#verifier/audit/treasury/treasuryOf.ts'
import { reasonOf } from '#verifier/evidence/error.ts'
import type { ChainPort } from '#verifier/evidence/ports/chain.ts'

/** Up to where a treasury was looked at, and what it held there: a node without an archive forgets within minutes. */
export type Watched = { block: number; hash: string | null; held: Snapshot }

/** Looks after execution: between two blocks, is every change of the treasury explained? */
export type Watch = {
  /**
   * Looks at what came since the last round, and once more at what was suspect then. Gives each alarm once: what nothing
   * explains in two rounds on end, what could not be seen, and a node that does not answer.
   */
  round(): Promise<Unexplained[]>
}

export type CreateWatchParameters = {
  chain: ChainPort
  policy: TreasuryPolicy
  records: RecordChecker
  /** Where an earlier life came to; null: the head at the first round. */
  from: Watched | null
  /** Told before `onWatched` moves past it. */
  onAlarm(change: Unexplained): void
  onWatched(watched: Watched): void
}

/** Blocks that are looked at together at most. */
const MOST_BLOCKS = 2_000
/** Rounds on end without an answer after which that is an alarm. */
const SILENT_ROUNDS = 3
/** Blocks that are looked at again after a reorganisation. */
const REORG_BLOCKS = 64

/** A block; `hash` null: the node did not tell it. */
type Seen = { number: number; hash: string | null }

/** A stretch of blocks in which something was suspect. */
type Suspect = { from: number; to: number; keys: ReadonlySet<string>; held: HeldPositions | null }

/**
 * Watches a treasury by what a verifier knows: an execution is explained by the proposal with its digest and nonce in the
 * log, which verifiers have before they sign, if it is that proposal call by call. A change is suspect at first, because the
 * log may come a moment after the chain, and an alarm when it is still unexplained at the next round. The watch always goes
 * on: what it cannot see in two rounds is an alarm of its own, with its blocks.
 */
export function createWatch({ chain, policy, records, from, onAlarm, onWatched }: CreateWatchParameters): Watch {
  const identity = treasuryOf(policy)
  const holdings = createHoldings(chain, identity)
  let last: Seen | null = null
  let written: number | null = null
  /** The first block of this life: what came before it was looked at by another, or by nobody. */
  let began = from?.block ?? 0
  let suspects: Suspect[] = []
  let positions: HeldPositions | null = null
  /** Why the next stretch could not be looked at in the round before. */
  let stuck: { at: number; rounds: number } | null = null
  let silent = 0
  /** What was told of transactions: a reorganisation makes them be looked at again. */
  const told = new Set<string>()
  if (from !== null) {
    last = { number: from.block, hash: from.hash }
    holdings.restore(from.block, from.held)
  }

  const look = (fromBlock: number, toBlock: number, held: HeldPositions | null) => {
    const used = new Set<string>()
    return reconcile({
      chain,
      identity,
      holdings,
      outcomes: [],
      proposalOf({ proposalDigest, nonce }) {
        const proposal = records.proposalOf(proposalDigest)
        if (proposal === null || BigInt(proposal.body.nonce) !== nonce || used.has(proposalDigest)) return null
        used.add(proposalDigest)
        return proposal.body
      },
      fromBlock,
      toBlock,
      held,
    })
  }

  async function round(alarm: (change: Unexplained) => void): Promise<void> {
    const head = await chain.head()
    if (last === null) {
      await holdings.snapshot(head.number)
      last = head
      began = head.number
      return
    }
    // A node that lags behind the one asked before has nothing new to tell.
    if (head.number < last.number) return
    await stepBack()
    suspects = await lookAgain(alarm)
    while (last.number < head.number) {
      const to = Math.min(head.number, last.number + MOST_BLOCKS)
      const next = await lookAt(last.number, to, to === head.number ? head.hash : null, alarm)
      if (next === null) return
      last = next
    }
  }

  /** Where the last block is no longer the chain's, what came before it is looked at again. */
  async function stepBack(): Promise<void> {
    if (last === null || last.hash === null) return
    const now = await chain.block(last.number)
    if (now === null || now.hash === last.hash) return
    last = { number: Math.max(began, last.number - REORG_BLOCKS), hash: null }
    suspects = []
    positions = null
    holdings.keepOnly(new Set())
  }

  /** Tells what is still unexplained; keeps what could not be looked at. */
  async function lookAgain(alarm: (change: Unexplained) => void): Promise<Suspect[]> {
    const kept: Suspect[] = []
    for (const [i, suspect] of suspects.entries()) {
      try {
        const report = await look(suspect.from, suspect.to, suspect.held)
        for (const change of report.unexplained) if (suspect.keys.has(keyOf(change))) alarm(change)
        // What the node could tell a moment ago, it may not any more.
        for (const change of report.unseen) alarm(change)
      } catch {
        // The node went away in between: the rest waits with it.
        kept.push(...suspects.slice(i))
        break
      }
    }
    return kept
  }

  /** A stretch of blocks; null: it could not be looked at, and is tried once more. */
  async function lookAt(
    fromBlock: number,
    toBlock: number,
    hash: string | null,
    alarm: (change: Unexplained) => void,
  ): Promise<Seen | null> {
    try {
      const end = { number: toBlock, hash: hash ?? (await chain.block(toBlock))?.hash ?? null }
      // First of all, while the node still knows.
      await holdings.snapshot(toBlock)
      const report = await look(fromBlock, toBlock, positions)
      const found = [...report.unexplained, ...report.unseen]
      if (found.length > 0)
        suspects.push({ from: fromBlock, to: toBlock, keys: new Set(found.map(keyOf)), held: positions })
      positions = report.held
      stuck = null
      return end
    } catch (error) {
      const rounds: number = stuck?.at === fromBlock ? stuck.rounds + 1 : 1
      stuck = { at: fromBlock, rounds }
      if (rounds < 2) return null
      const reason = `blocks ${fromBlock + 1} to ${toBlock} could not be looked at, and are not explained: ${reasonOf(error)}`
      alarm({ transactionHash: null, blockNumber: toBlock, reason: reason.slice(0, 1_000) })
      positions = null
      stuck = null
      return { number: toBlock, hash: null }
    }
  }

  /** What is suspect is looked at again after a restart, too. */
  async function remember(): Promise<void> {
    if (last === null) return
    const block = suspects[0]?.from ?? last.number
    holdings.keepOnly(new Set([block, last.number, ...suspects.flatMap(suspect => [suspect.from, suspect.to])]))
    if (block === written) return
    const hash = block === last.number ? last.hash : ((await chain.block(block).catch(() => null))?.hash ?? null)
    onWatched({ block, hash, held: await holdings.snapshot(block) })
    written = block
  }

  return {
    async round() {
      const fresh: Unexplained[] = []
      const alarm = (change: Unexplained) => {
        if (change.transactionHash !== null && told.has(keyOf(change))) return
        told.add(keyOf(change))
        onAlarm(change)
        fresh.push(change)
      }
      try {
        await round(alarm)
        silent = 0
      } catch (error) {
        if (++silent === SILENT_ROUNDS) {
          const since = last === null ? 'it has seen nothing yet' : `it has seen nothing since block ${last.number}`
          const reason = `the watch is blind: ${since}: ${reasonOf(error)}`
          alarm({ transactionHash: null, blockNumber: last?.number ?? 0, reason: reason.slice(0, 1_000), blind: true })
        } else throw error
      }
      await remember()
      return fresh
    },
  }
}

/** What a change is about; amounts and block numbers may differ when it is looked at again. */
function keyOf({ transactionHash, reason }: Unexplained): string {
  return `${transactionHash ?? ''} ${reason.replaceAll(/\d+/g, '')}`
}

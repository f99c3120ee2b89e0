import { positionIds } from '#verifier/effects/positions.ts'
import { askNode } from '#verifier/effects/reading.ts'
import type { ChainLog, ChainPort } from '#verifier/evidence/ports/chain.ts'
import { type Activity, inOrder, newActivity, type TreasuryIdentity, topicOf } from './events.ts'

/** keccak256("DecreaseLiquidity(uint256,uint128,uint256,uint256)") and keccak256("Collect(uint256,address,uint256,uint256)") of a position manager. */
const DECREASE_LIQUIDITY = '0x26f6a048ee9138f2c0ce266f322cb99228e8d619ae2bff30c67f8dcf9d2377b4'
const COLLECT = '0x40d0efd1a53d60ecbf40971b9daf7dc90178c3aadc7aab1765632738fa8b8f01'

/** Ids that one request for events names at most. */
const IDS_PER_REQUEST = 200

/** Which positions a Safe held after a block, by manager: what a watch carries from round to round. */
export type HeldPositions = { block: number; ids: Map<string, ReadonlySet<bigint>> }

/**
 * Finds what was taken out of positions while they were the Safe's own, and puts it among the activities. What somebody did
 * with a position before giving it away, or after getting it, is none of the Safe's business. However many there are, all
 * are followed.
 *
 * @param held what was held before the range; null: read from the chain at its end, and followed back
 * @returns what is held at the range's end
 * @throws CHAIN_FAILED where the node does not answer
 */
export async function addTouched(
  chain: Pick<ChainPort, 'logs' | 'read'>,
  { safe, managers }: TreasuryIdentity,
  { fromBlock, toBlock }: { fromBlock: number; toBlock: number },
  activities: Map<string, Activity>,
  held: HeldPositions | null,
): Promise<HeldPositions> {
  const after: HeldPositions = { block: toBlock, ids: new Map() }
  const moves = [...activities.values()].flatMap(({ positions }) => positions)
  for (const manager of managers) {
    const own = moves.filter(log => log.address === manager).sort(inOrder)
    const before = held?.block === fromBlock - 1 ? held.ids.get(manager) : undefined
    const start =
      before ?? rewound(await askNode(positionIds(manager, safe), call => chain.read(call, toBlock)), own, safe)
    const end = new Set(start)
    for (const log of own) {
      if (log.topics[2] === topicOf(safe)) end.add(idOf(log))
      else end.delete(idOf(log))
    }
    after.ids.set(manager, end)
    const ever = [...new Set([...start, ...own.map(idOf)])]
    for (let i = 0; i < ever.length; i += IDS_PER_REQUEST) {
      const ids = ever.slice(i, i + IDS_PER_REQUEST).map(id => `0x${id.toString(16).padStart(64, '0')}`)
      const topics = [[DECREASE_LIQUIDITY, COLLECT], ids]
      for (const log of await chain.logs({ address: [manager], topics, fromBlock, toBlock }))
        if (takesSomething(log) && isOwn(log, start, own, safe)) {
          const activity = activities.get(log.transactionHash) ?? newActivity(log)
          activity.touched.push(log)
          activities.set(log.transactionHash, activity)
        }
    }
  }
  return after
}

/** A position's id in one of its events: the last topic of a transfer, the only one of the others. */
export function idOf({ topics }: Pick<ChainLog, 'topics'>): bigint {
  return BigInt(topics.at(-1) ?? '0x0')
}

/** What was held before moves, from what is held after them. */
function rewound(ids: readonly bigint[], moves: readonly ChainLog[], safe: string): ReadonlySet<bigint> {
  const held = new Set(ids)
  for (const log of moves.toReversed()) {
    if (log.topics[2] === topicOf(safe)) held.delete(idOf(log))
    if (log.topics[1] === topicOf(safe)) held.add(idOf(log))
  }
  return held
}

/** Whether the position was the Safe's when this event was told. */
function isOwn(log: ChainLog, start: ReadonlySet<bigint>, moves: readonly ChainLog[], safe: string): boolean {
  const last = moves.findLast(move => idOf(move) === idOf(log) && inOrder(move, log) < 0)
  return last === undefined ? start.has(idOf(log)) : last.topics[2] === topicOf(safe)
}

/** Whether one of the two amounts is above zero: the last two words. */
function takesSomething({ data }: ChainLog): boolean {
  return /[1-9a-f]/i.test(data.slice(-128))
}

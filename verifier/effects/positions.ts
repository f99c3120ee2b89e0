import { WarrantError } from '#verifier/evidence/error.ts'
import type { View } from '#verifier/evidence/records/observation.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { wordsOf } from './adapters/words.ts'
import { amountsOf } from './liquidity.ts'
import { ratioX128 } from './price.ts'
import { type ReadAnswer, type ReadCall, type Reading, resultOf, resultsOf } from './reading.ts'

/** A Uniswap v3 position as the NonfungiblePositionManager tells it. */
export type Position = {
  token0: string
  token1: string
  fee: bigint
  tickLower: number
  tickUpper: number
  liquidity: bigint
}

/** Positions that an observation shows at most: those that are worth most. */
const MOST_SHOWN = 64

const word = (value: bigint) => value.toString(16).padStart(64, '0')
/** Returned words stand where arguments would: after eight digits for the selector. */
const returned = (result: string, count: number) => wordsOf(`0x${'0'.repeat(8)}${result.slice(2)}`, count)

/** `positions(uint256)` of a manager. */
const positionCall = (manager: string, id: bigint): ReadCall => ({ to: manager, data: `0x99fbab88${word(id)}` })

/** What `positions(uint256)` returned; null when there is none. */
function positionIn(answer: ReadAnswer | undefined): Position | null {
  const words = returned(answer !== undefined && 'result' in answer ? answer.result : '0x', 12)
  const [token0, token1, fee] = [words?.address(2), words?.address(3), words?.uint(4, 24)]
  const [tickLower, tickUpper, liquidity] = [words?.int(5, 24), words?.int(6, 24), words?.uint(7, 128)]
  if (token0 == null || token1 == null || fee == null) return null
  if (tickLower == null || tickUpper == null || liquidity == null) return null
  return { token0, token1, fee, tickLower: Number(tickLower), tickUpper: Number(tickUpper), liquidity }
}

/** A manager's position with an id; null when there is none. */
export function* readPosition(manager: string, id: bigint): Reading<Position | null> {
  const [answer] = yield [positionCall(manager, id)]
  return positionIn(answer)
}

/** Ids of an owner's positions, in the manager's order: all of them, for anybody can send an owner more. */
export function* positionIds(manager: string, owner: string): Reading<bigint[]> {
  const padded = owner.slice(2).padStart(64, '0')
  const count = Number(BigInt(yield* resultOf({ to: manager, data: `0x70a08231${padded}` })))
  const indexes = Array.from({ length: count }, (_, i) => BigInt(i))
  // tokenOfOwnerByIndex(address,uint256)
  const ids = yield* resultsOf(indexes.map(i => ({ to: manager, data: `0x2f745c59${padded}${word(i)}` })))
  return ids.map(BigInt)
}

/**
 * An owner's positions that hold liquidity in one pool, ascending by id. Where there are more than 64, those that are worth
 * most at the pool's price: whoever sends positions to push others out of sight gives away more than they are worth.
 */
export function* readPositions(
  owner: string,
  { positions: manager, pool, token0, token1, feePips }: PositionMarket,
): Reading<(Position & { id: bigint })[]> {
  const ids = yield* positionIds(manager, owner)
  const answers = yield ids.map(id => positionCall(manager, id))
  const all = ids.map((id, i) => ({ id, position: positionIn(answers[i]) }))
  const found = all.flatMap(({ id, position }) => {
    // The manager just told that it exists.
    if (position === null) throw new WarrantError('CHAIN_FAILED', `position ${id} cannot be read`)
    if (position.liquidity === 0n) return []
    const isIn = position.token0 === token0 && position.token1 === token1 && position.fee === BigInt(feePips)
    return isIn ? [{ ...position, id }] : []
  })
  const byId = (a: { id: bigint }, b: { id: bigint }) => (a.id < b.id ? -1 : 1)
  if (found.length <= MOST_SHOWN) return found.sort(byId)
  const tick = returned(yield* resultOf({ to: pool, data: '0x3850c7bd' }), 7)?.int(1, 24)
  if (tick == null) throw new WarrantError('CHAIN_FAILED', `the pool ${pool} tells no price`)
  const ratio = ratioX128(Number(tick))
  const worth = ({ liquidity, tickLower, tickUpper }: Position) => {
    const [amount0, amount1] = amountsOf(liquidity, tickLower, tickUpper, Number(tick))
    return ((amount0 * ratio) >> 128n) + amount1
  }
  const weighed = found.map(position => ({ position, worth: worth(position) }))
  weighed.sort((a, b) => (a.worth === b.worth ? byId(a.position, b.position) : a.worth > b.worth ? -1 : 1))
  return weighed
    .slice(0, MOST_SHOWN)
    .map(({ position }) => position)
    .sort(byId)
}

/** A pool and the manager of its positions. */
export type PositionMarket = { positions: string; pool: string; token0: string; token1: string; feePips: number }

/** The one pool that a policy allows liquidity of; null for none, and for several, whose positions would be mixed up. */
export function liquidityMarket({
  uniswapV3,
}: Pick<Policy, 'uniswapV3'>): (Policy['uniswapV3'][number] & PositionMarket) | null {
  const [market, ...more] = uniswapV3.filter(({ positions }) => positions !== undefined)
  return market?.positions === undefined || more.length > 0 ? null : { ...market, positions: market.positions }
}

/** The treasury's positions as an observation shows them; null where the policy allows none. */
export function* positionsAt(policy: Pick<Policy, 'safe' | 'uniswapV3'>): Reading<View['positions'] | null> {
  const market = liquidityMarket(policy)
  if (market === null) return null
  const positions = yield* readPositions(policy.safe, market)
  return positions.map(({ id, tickLower, tickUpper, liquidity }) => ({
    id: String(id),
    tickLower,
    tickUpper,
    liquidity: String(liquidity),
  }))
}

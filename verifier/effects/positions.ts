import type { View } from '#verifier/evidence/records/observation.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { wordsOf } from './adapters/words.ts'

/** Reads of a contract at one block. */
export type Read = (call: { to: string; data: string }) => Promise<string>

/** A Uniswap v3 position as the NonfungiblePositionManager tells it. */
export type Position = {
  token0: string
  token1: string
  fee: bigint
  tickLower: number
  tickUpper: number
  liquidity: bigint
}

/** Positions of one owner that are read at most. */
const MOST = 64n

const word = (value: bigint) => value.toString(16).padStart(64, '0')
/** Returned words stand where arguments would: after eight digits for the selector. */
const returned = (result: string, count: number) => wordsOf(`0x${'0'.repeat(8)}${result.slice(2)}`, count)

/** `positions(uint256)` of a manager; null when there is none. */
export async function readPosition(read: Read, manager: string, id: bigint): Promise<Position | null> {
  const result = await read({ to: manager, data: `0x99fbab88${word(id)}` }).catch(() => '0x')
  const words = returned(result, 12)
  const [token0, token1, fee] = [words?.address(2), words?.address(3), words?.uint(4, 24)]
  const [tickLower, tickUpper, liquidity] = [words?.int(5, 24), words?.int(6, 24), words?.uint(7, 128)]
  if (token0 == null || token1 == null || fee == null) return null
  if (tickLower == null || tickUpper == null || liquidity == null) return null
  return { token0, token1, fee, tickLower: Number(tickLower), tickUpper: Number(tickUpper), liquidity }
}

/** Ids of an owner's positions, in the manager's order. @throws RangeError beyond 64 */
export async function positionIds(read: Read, manager: string, owner: string): Promise<bigint[]> {
  const padded = owner.slice(2).padStart(64, '0')
  const count = BigInt(await read({ to: manager, data: `0x70a08231${padded}` }))
  if (count > MOST) throw new RangeError(`${owner} has ${count} positions: more than ${MOST} are not read`)
  const ids: bigint[] = []
  // tokenOfOwnerByIndex(address,uint256)
  for (let i = 0n; i < count; i++) ids.push(BigInt(await read({ to: manager, data: `0x2f745c59${padded}${word(i)}` })))
  return ids
}

/** An owner's positions that hold liquidity in one pool, ascending by id. @throws RangeError beyond 64 positions */
export async function readPositions(
  read: Read,
  owner: string,
  { positions: manager, token0, token1, feePips }: PositionMarket,
): Promise<(Position & { id: bigint })[]> {
  const found: (Position & { id: bigint })[] = []
  for (const id of await positionIds(read, manager, owner)) {
    const position = await readPosition(read, manager, id)
    if (position === null || position.liquidity === 0n) continue
    const isIn = position.token0 === token0 && position.token1 === token1 && position.fee === BigInt(feePips)
    if (isIn) found.push({ ...position, id })
  }
  return found.sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** A pool and the manager of its positions. */
export type PositionMarket = { positions: string; token0: string; token1: string; feePips: number }

/** The one pool that a policy allows liquidity of; null for none, and for several, whose positions would be mixed up. */
export function liquidityMarket({
  uniswapV3,
}: Pick<Policy, 'uniswapV3'>): (Policy['uniswapV3'][number] & PositionMarket) | null {
  const [market, ...more] = uniswapV3.filter(({ positions }) => positions !== undefined)
  return market?.positions === undefined || more.length > 0 ? null : { ...market, positions: market.positions }
}

/** The treasury's positions as an observation shows them; null where the policy allows none. */
export async function positionsAt(
  policy: Pick<Policy, 'safe' | 'uniswapV3'>,
  read: Read,
): Promise<View['positions'] | null> {
  const market = liquidityMarket(policy)
  if (market === null) return null
  return (await readPositions(read, policy.safe, market)).map(({ id, tickLower, tickUpper, liquidity }) => ({
    id: String(id),
    tickLower,
    tickUpper,
    liquidity: String(liquidity),
  }))
}

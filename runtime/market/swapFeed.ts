import { createHash } from 'node:crypto'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { BlockRef, ChainPort } from '#verifier/evidence/ports/chain.ts'
import type { Bar } from './bars.ts'

/** Swap(address,address,int256,int256,uint160,uint128,int24) of a Uniswap v3 pool. */
const SWAP = '0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67'
const SLOT0 = '0x3850c7bd'
/** Blocks of one eth_getLogs: what public nodes still answer. */
const MOST_BLOCKS = 2_000
const AT_ONCE = 16
/** Blocks that old are not replaced any more: their times may be kept. */
const SETTLED_BLOCKS = 64

/** Bars of a real pool, from its own Swap logs: anybody with a node derives the same. */
export type SwapFeed = {
  readonly name: string
  readonly digest: string
  /**
   * Bars that start at these times, which follow each other. A bar opens at the price before its first swap; without a
   * swap it stands still. Null while the last of them has not ended. @throws CHAIN_FAILED
   */
  barsFrom(startSeconds: number, count: number, intervalSeconds: number): Promise<Bar[] | null>
  /** The pool's tick at the end of the last block at or before a time, or null before the pool was there. */
  tickAt(timeSeconds: number): Promise<number | null>
}

/** A feed over a chain port. */
export function createSwapFeed(chain: ChainPort, chainId: number, pool: string): SwapFeed {
  const name = `swaps of pool ${pool} on chain ${chainId}`
  const times = new Map<number, number>()

  async function timeOf(block: number, head: BlockRef): Promise<number> {
    const known = times.get(block)
    if (known !== undefined) return known
    const found = await chain.block(block)
    if (found === null) throw new WarrantError('CHAIN_FAILED', `block ${block} is gone`, { retry: 'safe' })
    // Young blocks may still be replaced.
    if (block + SETTLED_BLOCKS < head.number) times.set(block, found.timestamp)
    return found.timestamp
  }

  /** The last block before a time; −1 where there is none. */
  async function lastBefore(timeSeconds: number, head: BlockRef): Promise<number> {
    let [low, high] = [0, head.number + 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((await timeOf(middle, head)) < timeSeconds) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  async function tickAfter(block: number): Promise<number | null> {
    if (block < 0) return null
    const result = await chain.read({ to: pool, data: SLOT0 }, block)
    return result.length < 2 + 128 ? null : int24(result.slice(2 + 64, 2 + 128))
  }

  async function swapsBetween(
    first: number,
    last: number,
    head: BlockRef,
  ): Promise<{ timeSeconds: number; tick: number }[]> {
    const swaps: { timeSeconds: number; tick: number }[] = []
    for (let from = first; from <= last; from += MOST_BLOCKS) {
      const toBlock = Math.min(last, from + MOST_BLOCKS - 1)
      const logs = await chain.logs({ address: pool, topics: [SWAP], fromBlock: from, toBlock })
      const blocks = [...new Set(logs.map(({ blockNumber }) => blockNumber))]
      const at = new Map<number, number>()
      for (let i = 0; i < blocks.length; i += AT_ONCE) {
        const some = blocks.slice(i, i + AT_ONCE)
        for (const [j, time] of (await Promise.all(some.map(block => timeOf(block, head)))).entries())
          at.set(some[j] as number, time)
      }
      for (const { data, blockNumber } of logs)
        swaps.push({ timeSeconds: at.get(blockNumber) as number, tick: int24(data.slice(2 + 4 * 64, 2 + 5 * 64)) })
    }
    return swaps
  }

  return {
    name,
    digest: createHash('sha256').update(name).digest('hex'),
    async barsFrom(startSeconds, count, intervalSeconds) {
      const end = startSeconds + count * intervalSeconds
      const head = await chain.head()
      if (head.timestamp < end) return null
      const before = await lastBefore(startSeconds, head)
      let tick = await tickAfter(before)
      if (tick === null)
        throw new WarrantError(
          'BAD_DATA',
          `pool ${pool}: was not there at ${new Date(startSeconds * 1_000).toISOString()}`,
        )
      const swaps = await swapsBetween(before + 1, await lastBefore(end, head), head)
      const bars: Bar[] = []
      let next = 0
      for (let time = startSeconds; time < end; time += intervalSeconds) {
        const bar = { timeSeconds: time, open: tick, high: tick, low: tick, close: tick }
        for (; next < swaps.length && (swaps[next]?.timeSeconds ?? 0) < time + intervalSeconds; next++) {
          tick = swaps[next]?.tick ?? tick
          bar.high = Math.max(bar.high, tick)
          bar.low = Math.min(bar.low, tick)
          bar.close = tick
        }
        bars.push(bar)
      }
      return bars
    },
    async tickAt(timeSeconds) {
      return tickAfter(await lastBefore(timeSeconds + 1, await chain.head()))
    },
  }
}

/** A signed 24-bit number from the end of an ABI word. */
function int24(word: string): number {
  const value = Number.parseInt(word.slice(-6), 16)
  return value >= 0x800000 ? value - 0x1000000 : value
}

import { positionsAt } from '#verifier/effects/positions.ts'
import { askNode } from '#verifier/effects/reading.ts'
import type { BlockRef, ChainPort } from '#verifier/evidence/ports/chain.ts'
import type { Appended, Appender } from '#verifier/evidence/ports/log.ts'
import type { Observation, View } from '#verifier/evidence/records/observation.ts'
import type { ChainIdentity } from '#verifier/evidence/records/run.ts'
import { barsAt, decisionTimeMs, type Schedule } from './bars.ts'

/** Balances of the treasury in base units, and where they come from. */
export type BalanceSource = () => Promise<{
  balances: Record<string, string>
  /** Where the policy allows liquidity. */
  positions?: View['positions']
  chain: Observation['provenance']['chain']
}>

/** What a strategy sees at a tick of the schedule. `numbered`: the tick's number in its run, when the run began later. */
export function viewAt(schedule: Schedule, tick: number, balances: Record<string, string>, numbered = tick): View {
  return {
    tick: numbered,
    timeMs: decisionTimeMs(schedule, tick),
    intervalSeconds: schedule.intervalSeconds,
    bars: barsAt(schedule, tick),
    balances,
  }
}

/** Makes and logs what a strategy sees at a tick of the schedule. `numbered`: the tick's number in its run, when the run began later. */
export function createObserver({
  log,
  schedule,
  source,
  balances,
}: {
  log: Appender
  schedule: Schedule
  source: string
  balances: BalanceSource
}) {
  return async (tick: number, numbered = tick): Promise<Appended & { observation: Observation }> => {
    const { balances: held, positions, chain } = await balances()
    const view = {
      ...viewAt(schedule, tick, held, numbered),
      ...(positions === undefined ? {} : { positions }),
    }
    const observation: Observation = {
      view,
      provenance: { market: { source }, chain },
    }
    return { ...log.append('observation', observation), observation }
  }
}

/** Balances of the Safe by eth_call at the head block, each read on record. */
export function chainBalances(chain: ChainPort, identity: ChainIdentity): BalanceSource {
  const { safe, tokens, pool, router } = identity
  const balanceOf = `0x70a08231${safe.slice(2).padStart(64, '0')}`
  return async () => {
    const head: BlockRef = await chain.head()
    const read = async (what: string, to: string, data: string) => ({
      what,
      to,
      data,
      result: await chain.read({ to, data }, head.number),
    })
    const [slot0, ...reads] = await Promise.all([
      read('slot0', pool.address, '0x3850c7bd'),
      ...tokens.map(token => read(`balanceOf ${token.symbol}`, token.address, balanceOf)),
    ])
    const balances = Object.fromEntries(
      tokens.map((token, i) => [token.symbol, String(BigInt(reads[i]?.result ?? '0x0'))]),
    )
    const treasury = { safe, uniswapV3: [{ ...pool, pool: pool.address, router, positions: identity.positions }] }
    const positions = await askNode(positionsAt(treasury), call => chain.read(call, head.number))
    return {
      balances,
      ...(positions == null ? {} : { positions }),
      chain: { blockNumber: head.number, blockHash: head.hash, timestamp: head.timestamp, reads: [slot0, ...reads] },
    }
  }
}

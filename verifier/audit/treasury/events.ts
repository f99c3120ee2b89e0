import { DEPOSIT, WITHDRAWAL } from '#verifier/effects/tokenChanges.ts'
import type { ChainLog, ChainPort } from '#verifier/evidence/ports/chain.ts'

/** keccak256("Transfer(address,address,uint256)"), of tokens and of positions. */
export const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'
/** keccak256("Executed(address,uint256,bytes32)") of WarrantModule. */
export const EXECUTED = '0xb145507a8c914406e782ddef9f4ab6858c6a1409e1ab79f3f8a43dada1782a10'
/** keccak256("ExecutionSuccess(bytes32,uint256)") and keccak256("ExecutionFailure(bytes32,uint256)"): the owners' own path. */
export const EXECUTION_SUCCESS = '0x442e715f626346e8c54381002da614f62bee8d27386535b2521ec8540898556e'
export const EXECUTION_FAILURE = '0x23428b18acfb3ea64b08dc0c1d296ea9c09702c09083ca5272e64d115b687d23'
/** keccak256("ExecutionFromModuleSuccess(address)"): a module, any module, had the Safe do something. */
export const MODULE_SUCCESS = '0x6895c13664aa4f67288b25d7a21d7aaa34916e355fb9b6fae0a139a9085becb8'
/** keccak256("SafeReceived(address,uint256)"): native coins that came in by a plain transfer. */
export const SAFE_RECEIVED = '0x3d0ce9bfc3ed7d6862dbb28b2dea94561fe714a1b4d019aa8af39730d1ad7c3d'

/** A treasury, as far as its changes are looked at. Addresses in lower case. */
export type TreasuryIdentity = {
  safe: string
  module: string
  /** `shares`: the function of a rebasing token that tells a holding which its index does not change. */
  tokens: readonly { symbol: string; address: string; shares?: string | undefined }[]
  /** Uniswap v3 position managers whose positions count. */
  managers: readonly string[]
}

/** What one transaction did to a treasury, by events of contracts that the treasury lists; no stranger's contract is heard. */
export type Activity = {
  transactionHash: string
  blockNumber: number
  /** Of listed tokens, amounts above zero: into the Safe, out of it, wrapped and unwrapped. */
  tokens: ChainLog[]
  /** Of the managers: a position that came or went. */
  positions: ChainLog[]
  /** Of the managers: liquidity or fees taken out of a position while it was the Safe's; see positionsTouched. */
  touched: ChainLog[]
  /** Executions: by the module, by the owners (also those that failed and were paid for), by whatever module. */
  executed: ChainLog[]
  owners: ChainLog[]
  modules: ChainLog[]
  /** Native coins that came in. */
  received: ChainLog[]
}

/** An address as a topic. */
export const topicOf = (address: string) => `0x${address.slice(2).padStart(64, '0')}`
/** The address in a topic or word. */
export const addressIn = (word: string | undefined) => `0x${(word ?? '').slice(-40)}`

/**
 * Everything that happened to a treasury within a range (inclusive), transaction by transaction in the order of the chain.
 *
 * @throws CHAIN_FAILED where the node does not answer for the range
 */
export async function readActivity(
  chain: Pick<ChainPort, 'logs'>,
  { safe, module, tokens, managers }: TreasuryIdentity,
  range: { fromBlock: number; toBlock: number },
): Promise<Activity[]> {
  const me = topicOf(safe)
  const listed = [...new Set([...tokens.map(({ address }) => address), ...managers])]
  const of = (address: string[], topics: (string | string[] | null)[]) =>
    address.length === 0 ? [] : chain.logs({ address, topics, ...range })
  const [out, incoming, wrapped, executed, ofSafe] = await Promise.all([
    of(listed, [TRANSFER, me]),
    of(listed, [TRANSFER, null, me]),
    of(
      tokens.map(({ address }) => address),
      [[DEPOSIT, WITHDRAWAL], me],
    ),
    of([module], [EXECUTED, me]),
    of([safe], [[EXECUTION_SUCCESS, EXECUTION_FAILURE, MODULE_SUCCESS, SAFE_RECEIVED]]),
  ])
  const all = new Map<string, ChainLog>()
  // What goes from the Safe to the Safe is in two answers.
  for (const log of [...out, ...incoming, ...wrapped, ...executed, ...ofSafe])
    all.set(`${log.blockNumber} ${log.logIndex}`, log)
  const found = new Map<string, Activity>()
  for (const log of [...all.values()].sort(inOrder)) {
    const activity = found.get(log.transactionHash) ?? newActivity(log)
    found.set(log.transactionHash, activity)
    listOf(activity, log, { safe, module, managers })?.push(log)
  }
  return [...found.values()]
}

/** A transaction of which nothing is known yet. */
export function newActivity({
  transactionHash,
  blockNumber,
}: Pick<ChainLog, 'transactionHash' | 'blockNumber'>): Activity {
  const lists = { tokens: [], positions: [], touched: [], executed: [], owners: [], modules: [], received: [] }
  return { transactionHash, blockNumber, ...lists }
}

function listOf(
  activity: Activity,
  log: ChainLog,
  { safe, module, managers }: Pick<TreasuryIdentity, 'safe' | 'module' | 'managers'>,
): ChainLog[] | null {
  const [topic] = log.topics
  if (log.address === module && topic === EXECUTED) return activity.executed
  if (log.address === safe && topic === MODULE_SUCCESS) return activity.modules
  if (log.address === safe && topic === SAFE_RECEIVED) return activity.received
  if (log.address === safe && topic !== TRANSFER) return activity.owners
  if (managers.includes(log.address)) return log.topics.length === 4 ? activity.positions : null
  // A transfer of nothing is anybody's to make.
  return amountIn(log) === 0n ? null : activity.tokens
}

/** The amount of a token's event; 0 where it has none. */
export function amountIn({ data }: { data: string }): bigint {
  return /^0x[0-9a-f]{64}$/i.test(data) ? BigInt(data) : 0n
}

/** The order of the chain. */
export function inOrder(a: ChainLog, b: ChainLog): number {
  return a.blockNumber - b.blockNumber || a.logIndex - b.logIndex
}

import type { Call } from '../records/proposal.ts'
import type { BalanceChange, Simulation } from '../records/verdict.ts'

export type BlockRef = { number: number; hash: string; timestamp: number }

/** A log of a transaction, lower-case hex. */
export type EventLog = { address: string; topics: string[]; data: string }

/** A log, and where it stands. */
export type ChainLog = EventLog & { transactionHash: string; blockNumber: number; logIndex: number }

/** A call inside a transaction, as a node's tracer tells it. Addresses and data are lower-case hex. */
export type CallFrame = {
  /** `call`, `delegatecall`, `staticcall`, `callcode`, `create`, … */
  type: string
  from: string
  to: string | null
  input: string
  /** Wei. */
  value: bigint
  /** What failed changed nothing, and neither did what it called. */
  failed: boolean
  /** Events of this call itself; null where the tracer tells none. */
  logs: EventLog[] | null
  calls: CallFrame[]
}

export type ChainReceipt = {
  transactionHash: string
  status: 'success' | 'reverted'
  blockNumber: number
  blockHash: string
  gasUsed: bigint
  gasCostWei: bigint
  logs: EventLog[]
  from: string
  to: string | null
}

/** What a verifier asks of its own chain access. Addresses and data are lower-case hex. */
export type ChainPort = {
  chainId(): Promise<number>
  head(): Promise<BlockRef>
  block(number: number): Promise<BlockRef | null>
  /** Result data of a read at a block. @throws CHAIN_FAILED, also where the node no longer has that block's state */
  read(call: { to: string; data: string }, blockNumber: number): Promise<string>
  nativeBalance(address: string, blockNumber: number): Promise<bigint>
  receipt(transactionHash: string): Promise<ChainReceipt | null>
  transactionInput(transactionHash: string): Promise<{ from: string; to: string | null; input: string } | null>
  /** Runs calls in order as `from` on top of a block, and reports balance changes of `from` and approvals that it leaves. */
  simulate(request: {
    from: string
    calls: Call[]
    blockNumber: number
    tokens: { symbol: string; address: string }[]
  }): Promise<Simulation>
  /** Logs of a range (inclusive), however long it is. @throws CHAIN_FAILED where the node does not answer even for one block */
  logs(request: {
    address?: string | string[]
    topics?: (string | string[] | null)[]
    fromBlock: number
    toBlock: number
  }): Promise<ChainLog[]>
  /** The calls inside a transaction; null where the node has no tracer, or no longer the state for it. */
  trace(transactionHash: string): Promise<CallFrame | null>
}

export type { BalanceChange }

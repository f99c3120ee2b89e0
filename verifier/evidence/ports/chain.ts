import type { Call } from '../records/proposal.ts'
import type { BalanceChange, Simulation } from '../records/verdict.ts'

export type BlockRef = { number: number; hash: string; timestamp: number }

/** A log of a transaction, lower-case hex. */
export type EventLog = { address: string; topics: string[]; data: string }

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
  /** Result data of a read at a block. @throws CHAIN_FAILED */
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
  logs(request: {
    address?: string
    topics?: (string | string[] | null)[]
    fromBlock: number
    toBlock: number
  }): Promise<(EventLog & { transactionHash: string; blockNumber: number })[]>
}

export type { BalanceChange }

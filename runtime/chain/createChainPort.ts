import {
  BaseError,
  BlockNotFoundError,
  createPublicClient,
  encodeFunctionData,
  HttpRequestError,
  http,
  numberToHex,
  TransactionNotFoundError,
  type TransactionReceipt,
  TransactionReceiptNotFoundError,
} from 'viem'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { BlockRef, ChainPort, EventLog } from '#verifier/evidence/ports/chain.ts'
import type { Simulation } from '#verifier/evidence/records/verdict.ts'
import { ERC20_ABI } from './abi.ts'
import { gasCostWei } from './l1Fee.ts'
import { createLogReader, type RawLog } from './readLogs.ts'
import { traceTransaction } from './traceTransaction.ts'

type Hex = `0x${string}`
const APPROVAL = '0x8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925'

/** The chain port over JSON-RPC. Whatever the node answers is what this port says: its owner must trust the node. */
export function createChainPort(url: string): ChainPort {
  const client = createPublicClient({ transport: http(url, { retryCount: 1, timeout: 20_000 }), cacheTime: 0 })

  const singletons = new Map<string, Hex>()
  const readLogs = createLogReader(isGone)
  const request = (method: string, params: readonly unknown[]) => client.request({ method, params } as never)

  async function attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (cause) {
      throw new WarrantError('CHAIN_FAILED', `${what} failed at ${url}: ${reasonOf(cause)}`, { cause, retry: 'safe' })
    }
  }
  const blockRef = (block: { number: bigint | null; hash: string | null; timestamp: bigint }): BlockRef => ({
    number: Number(block.number),
    hash: String(block.hash),
    timestamp: Number(block.timestamp),
  })

  /** Where a Safe's proxy keeps its code, by its first storage word. */
  async function singletonOf(safe: string): Promise<Hex> {
    let singleton = singletons.get(safe)
    if (singleton === undefined) {
      const word = await attempt('eth_getStorageAt', () =>
        client.getStorageAt({ address: safe as Hex, slot: numberToHex(0) }),
      )
      singleton = `0x${(word ?? '0x').slice(2).padStart(64, '0').slice(24)}`
      singletons.set(safe, singleton)
    }
    return singleton
  }

  /** Wei for a unit of gas: some nodes leave it out of a receipt. */
  async function priceOf({ effectiveGasPrice, transactionHash }: TransactionReceipt): Promise<bigint> {
    if (typeof effectiveGasPrice === 'bigint') return effectiveGasPrice
    const { gasPrice } = await client.getTransaction({ hash: transactionHash })
    if (gasPrice === undefined) throw new Error(`the node tells no gas price of ${transactionHash}`)
    return gasPrice
  }

  async function simulateOnce(
    request: Parameters<ChainPort['simulate']>[0],
    allowances: { token: string; spender: string }[],
  ) {
    const { from, calls, blockNumber, tokens } = request
    const balances = tokens.map(t => ({
      to: t.address as Hex,
      data: encodeFunctionData({ abi: ERC20_ABI, functionName: 'balanceOf', args: [from as Hex] }),
    }))
    // Through the module the Safe has been touched before it is paid: with 2,300 gas (WETH9) it can only be paid so.
    const accessList = [
      { address: from as Hex, storageKeys: [numberToHex(0, { size: 32 })] },
      { address: await singletonOf(from), storageKeys: [] },
    ]
    const all = [
      ...balances,
      ...calls.map(call => ({
        to: call.to as Hex,
        data: call.data as Hex,
        value: numberToHex(BigInt(call.value)),
        accessList,
      })),
      ...balances,
      ...allowances.map(a => ({
        to: a.token as Hex,
        data: encodeFunctionData({ abi: ERC20_ABI, functionName: 'allowance', args: [from as Hex, a.spender as Hex] }),
      })),
    ]
    const payload = {
      blockStateCalls: [{ calls: all.map(call => ({ from: from as Hex, ...call })) }],
      validation: false,
    }
    const [block] = (await attempt('eth_simulateV1', () =>
      client.request({ method: 'eth_simulateV1', params: [payload, numberToHex(blockNumber)] } as never),
    )) as {
      calls: { status: string; returnData: string; logs?: { address: string; topics: string[]; data: string }[] }[]
    }[]
    if (block === undefined || block.calls.length !== all.length)
      throw new WarrantError('CHAIN_FAILED', 'eth_simulateV1 gave no result for every call')
    return block.calls
  }

  return {
    chainId: () => attempt('eth_chainId', () => client.getChainId()),
    head: () => attempt('eth_getBlock', async () => blockRef(await client.getBlock({ blockTag: 'latest' }))),
    block: number =>
      attempt('eth_getBlockByNumber', () =>
        client.getBlock({ blockNumber: BigInt(number) }).then(blockRef, error => {
          if (error instanceof BlockNotFoundError) return null
          throw error
        }),
      ),
    read: ({ to, data }, blockNumber) =>
      attempt('eth_call', async () => {
        const result = (await request('eth_call', [{ to, data }, numberToHex(blockNumber)])) as string | null
        // Some nodes answer nothing for a state that they have dropped.
        if (typeof result !== 'string') throw new Error(`no state at block ${blockNumber}`)
        return result
      }),
    nativeBalance: (address, blockNumber) =>
      attempt('eth_getBalance', () => client.getBalance({ address: address as Hex, blockNumber: BigInt(blockNumber) })),
    receipt: hash =>
      attempt('eth_getTransactionReceipt', async () => {
        try {
          const receipt = await client.getTransactionReceipt({ hash: hash as Hex })
          return {
            transactionHash: receipt.transactionHash,
            status: receipt.status,
            blockNumber: Number(receipt.blockNumber),
            blockHash: receipt.blockHash,
            gasUsed: receipt.gasUsed,
            gasCostWei: gasCostWei({ ...receipt, effectiveGasPrice: await priceOf(receipt) }),
            logs: receipt.logs.map(eventLog),
            from: receipt.from.toLowerCase(),
            to: receipt.to?.toLowerCase() ?? null,
          }
        } catch (error) {
          if (error instanceof TransactionReceiptNotFoundError) return null
          throw error
        }
      }),
    transactionInput: hash =>
      attempt('eth_getTransactionByHash', async () => {
        try {
          const transaction = await client.getTransaction({ hash: hash as Hex })
          return {
            from: transaction.from.toLowerCase(),
            to: transaction.to?.toLowerCase() ?? null,
            input: transaction.input,
          }
        } catch (error) {
          if (error instanceof TransactionNotFoundError) return null
          throw error
        }
      }),
    async simulate(request): Promise<Simulation> {
      const { from, calls, blockNumber, tokens } = request
      // approve(spender, …) names its spender in the first word: its allowance is read in the same simulation.
      const allowances = calls.flatMap(call =>
        call.data.startsWith('0x095ea7b3') ? [{ token: call.to, spender: `0x${call.data.slice(34, 74)}` }] : [],
      )
      let results = await simulateOnce(request, allowances)
      const made = results.slice(tokens.length, tokens.length + calls.length)
      const approved = made
        .flatMap(result => result.logs ?? [])
        .flatMap(log =>
          log.topics[0] === APPROVAL && log.topics[1]?.toLowerCase() === `0x${from.slice(2).padStart(64, '0')}`
            ? [{ token: log.address.toLowerCase(), spender: `0x${(log.topics[2] ?? '').slice(26)}`.toLowerCase() }]
            : [],
        )
      const unread = approved.filter(a => !allowances.some(b => a.token === b.token && a.spender === b.spender))
      if (unread.length > 0) {
        allowances.push(...unread)
        results = await simulateOnce(request, allowances)
      }
      const success = made.every(result => result.status === '0x1')
      const value = (index: number) => BigInt(results[index]?.returnData ?? '0x0')
      const after = tokens.length + calls.length
      return {
        blockNumber,
        status: success ? 'success' : 'reverted',
        changes: tokens.flatMap(({ symbol, address }, i) => {
          const change = value(after + i) - value(i)
          return change === 0n ? [] : [{ asset: symbol, token: address, change: String(change) }]
        }),
        approvals: allowances.flatMap(({ token, spender }, i) => {
          const allowance = value(after + tokens.length + i)
          return allowance === 0n ? [] : [{ token, spender, allowance: String(allowance) }]
        }),
      }
    },
    logs: ({ address, topics, fromBlock, toBlock }) =>
      attempt('eth_getLogs', async () => {
        const found = await readLogs({ fromBlock, toBlock }, async range => {
          const filter = {
            ...(address === undefined ? {} : { address }),
            ...(topics === undefined ? {} : { topics }),
            fromBlock: numberToHex(range.fromBlock),
            toBlock: numberToHex(range.toBlock),
          }
          const logs = (await request('eth_getLogs', [filter])) as RawLog[] | null
          if (!Array.isArray(logs)) throw new Error(`no logs of blocks ${range.fromBlock} to ${range.toBlock}`)
          return logs
        })
        return found.map(log => ({
          ...eventLog(log),
          transactionHash: log.transactionHash,
          blockNumber: Number(log.blockNumber),
          logIndex: Number(log.logIndex),
        }))
      }),
    trace: hash => attempt('debug_traceTransaction', () => traceTransaction(request, hash)),
  }
}

/** Whether a node cannot be reached at all: no smaller question helps. */
function isGone(error: unknown): boolean {
  return (
    error instanceof BaseError &&
    error.walk(cause => cause instanceof HttpRequestError && cause.status === undefined) !== null
  )
}

function eventLog(log: { address: string; topics: readonly string[]; data: string }): EventLog {
  return {
    address: log.address.toLowerCase(),
    topics: log.topics.map(topic => topic.toLowerCase()),
    data: log.data.toLowerCase(),
  }
}

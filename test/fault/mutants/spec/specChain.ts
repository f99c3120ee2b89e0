import { Agent, request } from 'node:http'
import { type Abi, decodeErrorResult, decodeEventLog, type Hex } from 'viem'
import { startAnvil } from '#runtime/chain/devnet/startAnvil.ts'

export const CHAIN_ID = 31_337
/** The clock of the first block, seconds. */
export const START_SECONDS = 1_700_000_000

/** A transaction of an account that needs no key here. `at`: the block's time, seconds. */
export type SpecTransaction = { from: Hex; to?: Hex; data?: Hex; value?: bigint; at?: number; gas?: bigint }

/** How a transaction ended: 'ok', or the custom error with its arguments. */
export type SpecOutcome = { outcome: string; logs: readonly SpecLog[]; created: Hex | null }
export type SpecLog = { address: Hex; event: string }

/** A local chain on which anybody can be anybody, and every state can be gone back to. */
export type SpecChain = {
  readonly url: string
  /** By what ABI reverts and events are put into words. */
  speak(abi: Abi): void
  send(transaction: SpecTransaction): Promise<SpecOutcome>
  /** Reads, and trials of what would revert: the answer's bytes, or the error in words. */
  call(transaction: SpecTransaction): Promise<{ outcome: string; data: Hex }>
  rpc<T>(method: string, params: readonly unknown[]): Promise<T>
  snapshot(): Promise<string>
  /** Goes back, and may go back there again. */
  revert(snapshot: string): Promise<string>
  stop(): Promise<void>
}

const GAS = 20_000_000n
const hex = (value: bigint | number): Hex => `0x${value.toString(16)}`

export async function openSpecChain(): Promise<SpecChain> {
  const flags = [
    '--disable-code-size-limit',
    '--auto-impersonate',
    '--prune-history',
    '--gas-price',
    '0',
    '--base-fee',
    '0',
  ]
  const anvil = await startAnvil({ chainId: CHAIN_ID, startSeconds: START_SECONDS, flags })
  const agent = new Agent({ keepAlive: true })
  let abi: Abi = []

  async function rpc<T>(method: string, params: readonly unknown[]): Promise<T> {
    const answer = await ask(anvil.url, agent, { jsonrpc: '2.0', id: 1, method, params })
    if (answer.error !== undefined) throw new RpcFailure(answer.error.message, answer.error.data)
    return answer.result as T
  }
  const words = (transaction: SpecTransaction) => ({
    ...{
      from: transaction.from,
      gasPrice: '0x0',
      gas: hex(transaction.gas ?? GAS),
      value: hex(transaction.value ?? 0n),
    },
    ...(transaction.to === undefined ? {} : { to: transaction.to }),
    ...(transaction.data === undefined ? {} : { data: transaction.data }),
  })

  async function call(transaction: SpecTransaction): Promise<{ outcome: string; data: Hex }> {
    const block = transaction.at === undefined ? [] : [{}, { time: hex(transaction.at) }]
    try {
      return { outcome: 'ok', data: await rpc<Hex>('eth_call', [words(transaction), 'latest', ...block]) }
    } catch (error) {
      if (!(error instanceof RpcFailure)) throw error
      return { outcome: errorInWords(abi, error), data: '0x' }
    }
  }

  return {
    url: anvil.url,
    rpc,
    call,
    speak(spoken) {
      abi = spoken
    },
    async send(transaction) {
      if (transaction.at !== undefined) await rpc('evm_setNextBlockTimestamp', [hex(transaction.at)])
      const receipt = await rpc<Receipt>('eth_sendTransactionSync', [words(transaction)])
      if (receipt.status !== '0x1') {
        const at = transaction.at === undefined ? {} : { at: transaction.at }
        return { outcome: (await call({ ...transaction, ...at })).outcome, logs: [], created: null }
      }
      const logs = receipt.logs.map(log => ({ address: log.address, event: eventInWords(abi, log) }))
      return { outcome: 'ok', logs, created: receipt.contractAddress ?? null }
    },
    snapshot: () => rpc('evm_snapshot', []),
    async revert(snapshot) {
      if (!(await rpc<boolean>('evm_revert', [snapshot])))
        throw new Error(`there is no state ${snapshot} to go back to`)
      return rpc('evm_snapshot', [])
    },
    async stop() {
      agent.destroy()
      await anvil.stop()
    },
  }
}

type Log = { address: Hex; topics: [Hex, ...Hex[]]; data: Hex }
type Receipt = { status: Hex; logs: Log[]; contractAddress?: Hex | null }
type Answer = { result?: unknown; error?: { message: string; data?: unknown } }

class RpcFailure extends Error {
  readonly data: unknown
  constructor(message: string, data: unknown) {
    super(message)
    this.data = data
  }
}

function ask(url: string, agent: Agent, body: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const sent = request(url, { method: 'POST', agent, headers }, response => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString()) as Answer))
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(JSON.stringify(body))
  })
}

/** `Name(a, b)` of a custom error; the node's own words where the ABI does not know it. */
function errorInWords(abi: Abi, { message, data }: RpcFailure): string {
  if (typeof data !== 'string' || data.length < 10) return message
  try {
    const { errorName, args = [] } = decodeErrorResult({ abi, data: data as Hex })
    return inWords(errorName, args as readonly unknown[])
  } catch {
    return `${message}: ${data}`
  }
}

function eventInWords(abi: Abi, { topics, data }: Log): string {
  try {
    const { eventName = '?', args } = decodeEventLog({ abi, topics, data })
    return inWords(eventName, Object.values((args ?? {}) as object))
  } catch {
    return `${topics[0]}: ${data}`
  }
}

/** A name and its arguments as text: addresses in lower case, tuples in brackets. */
export function inWords(name: string, values: readonly unknown[]): string {
  return `${name}(${values.map(valueInWords).join(', ')})`
}

export function valueInWords(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(valueInWords).join(', ')}]`
  if (typeof value === 'object' && value !== null) return valueInWords(Object.values(value))
  return String(value).toLowerCase()
}

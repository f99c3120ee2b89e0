import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { rpc } from './watchedTreasury.ts'

/** What a public node does not do. All of it may be changed while it runs. */
export type Weakness = {
  /** Blocks that eth_getLogs answers at most. */
  mostBlocks?: number
  /** Logs that eth_getLogs answers at most: more is refused, or cut off without a word. */
  mostResults?: number
  cutsOff?: boolean
  /** Blocks whose state it keeps. */
  stateBlocks?: number
  /** How it says that it no longer has a state. */
  pruned?: 'null' | '4444' | 'missing trie node' | '429'
  /** Blocks of which it gives no logs at all. */
  blind?: { from: number; to: number }
  untraced?: boolean
  /** It hangs up. */
  away?: boolean
}

export type WeakNode = { url: string; weakness: Weakness; asked: string[]; stop(): Promise<void> }

type Asked = { id: unknown; method: string; params: unknown[] }

/** A node with weaknesses in front of a whole one. */
export async function startWeakNode(upstream: string, given: Weakness = {}): Promise<WeakNode> {
  const weakness = { ...given }
  const asked: string[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', chunk => chunks.push(chunk as Buffer))
    request.on('end', () => {
      if (weakness.away === true) return void request.socket.destroy()
      const question = JSON.parse(Buffer.concat(chunks).toString()) as Asked
      asked.push(question.method)
      answer(upstream, weakness, question).then(
        result => {
          if (result === TOO_MANY) response.statusCode = 429
          response.setHeader('content-type', 'application/json')
          response.end(JSON.stringify({ jsonrpc: '2.0', id: question.id, ...(result as object) }))
        },
        (error: unknown) =>
          response.end(
            JSON.stringify({ jsonrpc: '2.0', id: question.id, error: { code: -32_000, message: String(error) } }),
          ),
      )
    })
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    weakness,
    asked,
    stop: () =>
      new Promise(done => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}

const TOO_MANY = { error: { code: 429, message: 'Too Many Requests' } }
const refused = (code: number, message: string) => ({ error: { code, message } })

async function answer(upstream: string, weakness: Weakness, { method, params }: Asked): Promise<object> {
  const pass = async () => ({ result: await rpc<unknown>(upstream, method, params) })
  if (method === 'eth_getLogs') return logs(weakness, params[0] as Filter, pass)
  const block = STATE[method]
  if (block !== undefined && weakness.stateBlocks !== undefined && typeof params[block] === 'string') {
    const head = Number(await rpc<string>(upstream, 'eth_blockNumber', []))
    const asked = Number(params[block])
    if (Number.isInteger(asked) && asked < head - weakness.stateBlocks) return pruned(weakness.pruned, asked)
  }
  if (weakness.untraced === true && /trace/.test(method)) return refused(-32_601, `the method ${method} does not exist`)
  return pass()
}

/** Which parameter names the block. */
const STATE: Record<string, number> = { eth_call: 1, eth_getBalance: 1 }

function pruned(how: Weakness['pruned'], block: number): object {
  if (how === 'null') return { result: null }
  if (how === '429') return TOO_MANY
  if (how === '4444') return refused(4444, 'pruned history unavailable')
  return refused(-32_000, `missing trie node: state of block ${block} is not available`)
}

type Filter = { fromBlock: string; toBlock: string }

async function logs(weakness: Weakness, filter: Filter, pass: () => Promise<{ result: unknown }>): Promise<object> {
  const [from, to] = [Number(filter.fromBlock), Number(filter.toBlock)]
  const { mostBlocks, mostResults, blind } = weakness
  if (mostBlocks !== undefined && to - from + 1 > mostBlocks)
    return refused(-32_005, `query exceeds max block range ${mostBlocks}`)
  if (blind !== undefined && from <= blind.to && to >= blind.from) return refused(-32_000, 'history is being rebuilt')
  const found = await pass()
  if (mostResults === undefined || !Array.isArray(found.result) || found.result.length <= mostResults) return found
  if (weakness.cutsOff === true) return { result: found.result.slice(0, mostResults) }
  return refused(-32_005, `query returned more than ${mostResults} results`)
}

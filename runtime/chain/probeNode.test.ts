import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createPublicClient, http } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Anvil, startAnvil } from './devnet/startAnvil.ts'
import { probeNode } from './probeNode.ts'

let anvil: Anvil
let node: (method: string, params: unknown[]) => Promise<unknown>
/** What the node in front of anvil refuses, or null. */
let refuses: (method: string, params?: unknown[]) => string | null = () => null
let server: Server
let url: string
beforeAll(async () => {
  anvil = await startAnvil({ chainId: 31_337, startSeconds: 1_700_000_000 })
  const client = createPublicClient({ transport: http(anvil.url) })
  node = (method, params) => client.request({ method, params } as never)
  await node('anvil_mine', ['0x96', '0x2'])
  server = createServer((request, response) => {
    let body = ''
    request.on('data', chunk => {
      body += chunk
    })
    request.on('end', async () => {
      const { id, method, params } = JSON.parse(body)
      const reason = refuses(method, params)
      const answer =
        reason === null
          ? await (
              await fetch(anvil.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
            ).text()
          : JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32_601, message: reason } })
      response.setHeader('content-type', 'application/json').end(answer)
    })
  }).listen(0, '127.0.0.1')
  await new Promise(done => server.once('listening', done))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}, 60_000)
afterAll(async () => {
  server?.close()
  await anvil?.stop()
})

const probe = async (options = {}) =>
  Object.fromEntries((await probeNode(url, options)).map(({ what, ok, detail }) => [what, { ok, detail }]))

test('a whole node has all that is asked for', async () => {
  refuses = () => null
  const probes = await probe()
  expect(Object.entries(probes).filter(([, { ok }]) => !ok)).toEqual([])
  expect(probes['state of past blocks']?.detail).toContain('back to the first block')
  expect(probes.eth_getLogs?.detail).toBe('over 100 blocks at once')
})

test('what a node lacks is named, with what it means for whom', async () => {
  const head = 150
  refuses = (method, params = []) => {
    if (method === 'eth_simulateV1') return 'the method does not exist'
    if (method === 'eth_getBalance' && Number(params[1]) < head - 127) return 'missing trie node'
    if (method !== 'eth_getLogs') return null
    const [{ fromBlock, toBlock }] = params as [{ fromBlock: string; toBlock: string }]
    return Number(toBlock) - Number(fromBlock) > 50 ? 'range too large' : null
  }
  const probes = await probe()
  expect(probes.eth_simulateV1).toMatchObject({ ok: false, detail: expect.stringContaining('cannot simulate') })
  expect(probes['state of past blocks']).toMatchObject({
    ok: false,
    detail: expect.stringContaining('an archive node'),
  })
  expect(probes.eth_getLogs).toMatchObject({ ok: true, detail: expect.stringContaining('over 1 blocks at once') })
})

test("a chain's blocks: how far back they can be proven, against how long verdicts are valid; Arbitrum and OP stack by their predeploys", async () => {
  refuses = () => null
  await node('anvil_setCode', ['0x0000f90827f1c53a10cb7a02335b175320002935', '0x'])
  expect((await probe({ validitySeconds: 900 }))['block source']).toMatchObject({
    ok: false,
    detail: expect.stringMatching(/last 256 .* about 51\d s: verdicts are valid for 900 s/),
  })
  await node('anvil_setCode', ['0x0000f90827f1c53a10cb7a02335b175320002935', '0x00'])
  expect((await probe({ validitySeconds: 900 }))['block source']).toMatchObject({
    ok: true,
    detail: expect.stringContaining('EIP-2935'),
  })
  await node('anvil_setCode', ['0x4200000000000000000000000000000000000015', '0x00'])
  expect((await probe())['block source']?.detail).toContain('OP-stack')
  await node('anvil_setCode', ['0x0000000000000000000000000000000000000064', '0xfe'])
  expect((await probe())['block source']?.detail).toContain('Arbitrum')
})

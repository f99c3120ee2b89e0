import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSandbox } from '#agents/sandbox/createSandbox.ts'
import { runBacktest } from '#runtime/backtest/runBacktest.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { scheduleOf } from '#runtime/market/bars.ts'
import { simulateMinutes } from '#runtime/market/simulate.ts'
import { loadLlmAgent, openRunKeys } from '#runtime/run/openRun.ts'
import { decodeRecord } from '#verifier/evidence/record.ts'
import { parseVkey } from '#verifier/log/signedNote.ts'
import { replayLog } from '#verifier/replay/replayLog.ts'
import type { LlmAgentDefinition } from './definition.ts'

const root = mkdtempSync(join(tmpdir(), 'warrant-llm-'))
const definition: LlmAgentDefinition = {
  kind: 'warrant-llm-agent',
  name: 'cautious-chat',
  version: '1.0.0',
  model: 'chat',
  instructions: 'You manage a small treasury. Be cautious.',
  maxCalls: 6,
  market: { pair: { base: 'WETH', quote: 'USDC' }, intervalSeconds: 3_600, window: 24 },
}

// A scripted OpenAI-compatible server: observes, then swaps at even ticks and holds at odd ones, then says so.
type Message = { role: string; content: string; tool_calls?: unknown[] }
const seen: { model: string; messages: Message[]; tools?: { function: { name: string } }[] }[] = []
let server: Server
let url = ''
const call = (name: string, args: object) => ({
  id: `call_${name}`,
  type: 'function',
  function: { name, arguments: JSON.stringify(args) },
})
function script(messages: Message[]): object {
  const tick = Number(/Tick (\d+)/.exec(messages.find(m => m.role === 'user')?.content ?? '')?.[1])
  const turns = messages.filter(m => m.role === 'assistant').length
  if (turns === 0) return { content: null, tool_calls: [call('observe', {})] }
  if (turns === 1 && tick % 2 === 0)
    return {
      content: null,
      tool_calls: [
        call('swap', {
          sell: 'USDC',
          buy: 'WETH',
          amountIn: '1000000000',
          maxSlippageBps: 50,
          reason: 'a little at a time',
        }),
      ],
    }
  if (turns === 1) return { content: null, tool_calls: [call('hold', { reason: 'nothing to do' })] }
  return { content: 'Done.' }
}
beforeAll(async () => {
  server = createServer((request, response) => {
    let body = ''
    request.on('data', chunk => {
      body += chunk
    })
    request.on('end', () => {
      const parsed = JSON.parse(body)
      seen.push(parsed)
      response.setHeader('content-type', 'application/json')
      response.end(
        JSON.stringify({
          id: 'x',
          object: 'chat.completion',
          choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', ...script(parsed.messages) } }],
          usage: { total_tokens: 1 },
        }),
      )
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
})
afterAll(() => {
  server.close()
  rmSync(root, { recursive: true })
})

describe('an LLM agent behind the strategy interface', () => {
  test('decides through tools, each model call with a receipt, and replays from the log without a model', async () => {
    const agent = await loadLlmAgent(definition, { url, model: 'scripted-1', apiKey: 'never-in-the-log' })
    const source = simulateMinutes({ seed: 'llm', minutes: 30 * 60 })
    const schedule = scheduleOf(source, { intervalSeconds: 3_600, window: 24, decisions: 4 })
    let nowMs = 0
    const clock = {
      nowMs: () => nowMs,
      set(ms: number) {
        nowMs = ms
      },
    }
    const dir = join(root, 'log')
    const keys = openRunKeys(join(root, 'keys'))
    const log = openLog({ dir, origin: 'test.example/llm', signer: keys.log, clock })
    const result = await runBacktest({
      log,
      keys,
      clock,
      mode: 'backtest',
      strategy: agent,
      source,
      schedule,
      feePips: 500,
      seed: '1',
    })
    await log.close()
    await agent.sandboxed.close()
    expect({ ...result, equity: [] }).toMatchObject({ decisions: 4, trades: 2, holds: 2, missed: 0 })
    expect(seen.length).toBe(12)
    expect(seen[0]).toMatchObject({ model: 'scripted-1' })
    expect(seen[0]?.tools?.map(t => t.function.name)).toEqual(['observe', 'swap', 'hold'])

    const records = (await openAll(dir)).map(decodeRecord)
    expect(records.filter(r => r.kind === 'response' && r.body.result.status === 'ok').length).toBe(12)
    expect(JSON.stringify(records)).not.toContain('never-in-the-log')

    // The server is gone now: whatever a replay asked of it would fail.
    const asked = seen.length
    await new Promise(resolve => server.close(resolve))
    const replayed = await replayLog({
      files: openLogFiles(dir),
      crypto: nodeCrypto,
      key: parseVkey(nodeCrypto, log.vkey),
      sandbox: createSandbox(),
      kernels: null,
      attestations: null,
      engine: null,
      randomWords: () => {},
    })
    expect(replayed).toMatchObject({ identical: 4, diverged: 0, findings: [] })
    expect(seen.length).toBe(asked)
  })

  test('a changed request is a divergence, never a new call', async () => {
    const sandboxed = await createSandbox().load(await loadLlmBundle({ ...definition, instructions: 'Be bold.' }), '{}')
    const view = {
      tick: 0,
      timeMs: 0,
      intervalSeconds: 3_600,
      bars: { timeSeconds: [0], open: [200_000], high: [200_000], low: [200_000], close: [200_000] },
      balances: { USDC: '1', WETH: '1' },
    }
    const made = await sandboxed.rederive({
      view,
      inferences: [
        { output: { type: 'chat', body: JSON.stringify({ choices: [{ message: { content: 'Done.' } }] }) } },
      ],
    })
    expect(JSON.stringify(made.asked)).toContain('Be bold.')
    expect(made.result).toEqual({ type: 'hold', reason: 'Done.' })
    await sandboxed.close()
  })
})

async function loadLlmBundle(changed: LlmAgentDefinition): Promise<Uint8Array> {
  const { llmAgentBundle } = await import('./definition.ts')
  return llmAgentBundle(changed).bytes
}

async function openAll(dir: string): Promise<Uint8Array[]> {
  const { verifyTree } = await import('#verifier/log/verifyTree.ts')
  const { readFileSync } = await import('node:fs')
  const key = parseVkey(nodeCrypto, readFileSync(join(dir, 'vkey'), 'utf8').trim())
  const entries: Uint8Array[] = []
  await verifyTree({ files: openLogFiles(dir), crypto: nodeCrypto, key }, entry => void entries.push(entry))
  return entries
}

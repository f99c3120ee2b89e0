import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { buildProposal } from '#agents/build/buildProposal.ts'
import { runTick } from '#agents/cycle/runTick.ts'
import { createVerifierClient } from '#runtime/api/verifierClient.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import type { DemoRun } from '#runtime/demo/demoWorld.ts'
import { AGENT } from '#runtime/run/openRun.ts'
import type { Appended } from '#verifier/evidence/ports/log.ts'
import type { Decision } from '#verifier/evidence/records/decision.ts'
import { policyDigest } from '#verifier/policy/policy.ts'
import { createTraderWorld, type TraderWorld } from '../treasury/traderWorld.ts'

const dir = mkdtempSync(join(tmpdir(), 'warrant-floods-'))
afterAll(() => rmSync(dir, { recursive: true }))

const MIB = 1024 * 1024
const OTHER = 'the-token-of-another-agent'
const otherClients = [{ name: 'other', sha256: createHash('sha256').update(OTHER).digest('hex') }]

/** A decision of a tick, brought to its outcome. */
async function trade({ world, strategy }: TraderWorld, run: DemoRun, tick: number) {
  await world.moveMarketTo(tick)
  let made: Appended | null = null
  let outcome: string | null = null
  await runTick(
    {
      ...{ agent: AGENT, crypto: nodeCrypto, log: run.opened.appenders.agent, strategy: strategy.sandboxed },
      identity: { strategy: strategy.bundle.digest, params: strategy.paramsDigest },
      ...{ observe: run.observe, infer: run.opened.gateway.infer, durable: true },
      async settle(decision, at) {
        made = decision
        const settled = await run.treasury.settle(decision, at)
        outcome = settled.outcome?.status ?? `denied: ${settled.verdicts.map(v => JSON.stringify(v.checks))}`
      },
    },
    tick,
  )
  if (made === null) throw new Error('the trader did not trade')
  return { decision: made as Appended, outcome }
}

/** Asks without end until it is told to stop, a few at once; what came back, by status. */
function floodOf(ask: () => Promise<number>, atOnce: number) {
  const statuses = new Map<number, number>()
  let isOver = false
  const lanes = Array.from({ length: atOnce }, async () => {
    while (!isOver) {
      const status = await ask().catch(() => 0)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      // What floods a machine's every core says nothing of the verifier.
      await sleep(100)
    }
  })
  const stop = async () => {
    isOver = true
    await Promise.all(lanes)
    return statuses
  }
  return { statuses, stop }
}

const residentMiB = (pid: number) => (Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4_096) / MIB

test('a stranger and another client flood a verifier: the agent trades, and the verifier stays small', async () => {
  const setting = await createTraderWorld(join(dir, 'world'), '3', 2, { otherClients })
  const { world, strategy } = setting
  const url = world.verifier.ready.url as string
  const run = await world.run(strategy)
  const before = residentMiB(world.verifier.pid)
  let most = before
  const watch = setInterval(() => {
    most = Math.max(most, residentMiB(world.verifier.pid))
  }, 50)
  const post = (path: string, body: string | Buffer<ArrayBuffer>, token: string | null) => async () => {
    const headers = {
      'content-type': 'application/json',
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    }
    const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body, signal: AbortSignal.timeout(60_000) })
    await answer.text()
    return answer.status
  }
  const part = Buffer.from(
    JSON.stringify({ note: null, sync: 'ab', from: 0, entries: [], blobs: ['A'.repeat(8_000_000)] }),
  )
  const scrap = JSON.stringify({ note: null, from: 7, entries: ['AAAA'], blobs: [] })
  const question = JSON.stringify({ proposal: '00'.repeat(32) })
  const [strangers, others] = [
    [
      floodOf(post('/v1/log', part, null), 1),
      floodOf(post('/v1/log', scrap, null), 4),
      floodOf(post('/v1/verdicts', question, 'no-token-of-anybody-here'), 4),
    ],
    [
      floodOf(post('/v1/log', part, OTHER), 3),
      floodOf(post('/v1/log', scrap, OTHER), 4),
      floodOf(post('/v1/verdicts', question, OTHER), 16),
    ],
  ]
  // Requests that begin and never go on, with the token of a client and without.
  const dripping = Array.from({ length: 20 }, (_, i) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    const token = i % 2 === 0 ? `authorization: Bearer ${OTHER}\r\n` : ''
    socket.on('error', () => {})
    socket.write(
      `POST /v1/log HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${token}content-length: 30000000\r\n\r\n{`,
    )
    return socket
  })
  try {
    expect((await trade(setting, run, 0)).outcome).toBe('success')
    const refused = await Promise.all(strangers.map(({ stop }) => stop()))
    // Whoever sends much is cut off while it sends.
    for (const statuses of refused) expect([...statuses.keys()].filter(status => status !== 0)).toEqual([401])
    const answered = await Promise.all(others.map(({ stop }) => stop()))
    for (const statuses of answered)
      expect([...statuses.keys()].every(status => [0, 200, 409, 429].includes(status))).toBe(true)
    expect(answered[2]?.get(429)).toBeGreaterThan(0)
    // One body of another client at a time, and what its text and its parts are held in meanwhile.
    expect(most - before).toBeLessThan(600)

    // What is denied is denied again from memory, to the microsecond, while log and chain stand still.
    const { decision } = await trade(setting, run, 1)
    const { result } = decision.record.body as Decision
    const { timestamp } = await world.devnet.client.public.getBlock()
    const again = run.opened.appenders.agent.append(
      'proposal',
      buildProposal({
        ...{ agent: AGENT, decision: decision.leafHash, nonce: 77n, validUntil: Number(timestamp) + 600 },
        intents: result.type === 'intents' ? result.intents : [],
        ...{ chain: world.devnet.chain, policyDigest: policyDigest(world.policy) },
        executor: world.policy.identities.executors[0]?.address ?? '',
        sign: world.keys.agent.sign,
      }),
      [decision.leafHash],
    )
    await again.durable
    await run.verifierClient.sync()
    const first = await run.verifierClient.verdict(again.leafHash)
    expect(first.verdict.answer).toBe('deny')
    for (let i = 0; i < 5; i++) expect(await run.verifierClient.verdict(again.leafHash)).toEqual(first)

    // Without its token the agent's own client is a stranger.
    const nobody = createVerifierClient({ url, log: world.log, blobs: [] })
    await expect(nobody.verdict(again.leafHash)).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  } finally {
    clearInterval(watch)
    for (const socket of dripping) socket.destroy()
    await Promise.all([...strangers, ...others].map(({ stop }) => stop()))
    await setting.release().catch(() => {})
    await world.close()
  }
})

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { encodeFunctionData } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { MODULE_ABI } from '#runtime/chain/abi.ts'
import { approvalRequest } from '#runtime/chain/approvalDesk.ts'
import { openEd25519Key } from '#runtime/crypto/ed25519Key.ts'
import { LOG_ORIGIN } from '#runtime/demo/demoWorld.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { createMarketPort } from '#runtime/market/marketPort.ts'
import { openSource } from '#runtime/market/openSource.ts'
import { decodeCall } from '#verifier/effects/decodeCall.ts'
import { microUsd } from '#verifier/effects/price.ts'
import { type AnyRecord, decodeRecord, type RecordKind, type RecordOf } from '#verifier/evidence/record.ts'
import { commandHere } from '../../support/commandHere.ts'
import { warrant } from '../../support/warrant.ts'
import { createTraderWorld, type TraderWorld } from './traderWorld.ts'

// People take their time: the real agent, verifier, chain and `approve` command; the chain's clock goes on by the hour.
const ROOT = resolve(import.meta.dirname, '../../..')
const dir = mkdtempSync(join(tmpdir(), 'warrant-people-'))
const out = join(dir, 'world')
const approvals = join(dir, 'approvals')
const keyFile = join(dir, 'me.key')
const HOUR = 3_600
let trader: TraderWorld
let snapshot: string
const running = new Set<ChildProcess>()

async function ask<T>(method: string, params: unknown[] = []): Promise<T> {
  const response = await fetch(trader.world.devnet.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  const { result, error } = (await response.json()) as { result: T; error?: { message: string } }
  if (error !== undefined) throw new Error(`${method}: ${error.message}`)
  return result
}
async function later(seconds: number): Promise<void> {
  await ask('evm_increaseTime', [seconds])
  await ask('evm_mine')
}
const chainSeconds = async () =>
  Number((await ask<{ timestamp: string }>('eth_getBlockByNumber', ['latest', false])).timestamp)

beforeAll(async () => {
  const key = generatePrivateKey()
  writeFileSync(keyFile, key)
  const approver = privateKeyToAccount(key).address.toLowerCase() as `0x${string}`
  // A market that within five hours is both as dear as wanted and not.
  trader = await createTraderWorld(out, '31', 40, {
    adjustPolicy: policy => ({
      ...policy,
      limits: { ...policy.limits, cooldownSeconds: 0, maxSlippageBps: 130 },
      approvals: { aboveUsd: 100, approvers: [approver], threshold: 1, validitySeconds: 6 * HOUR },
    }),
  })
  const { world } = trader
  await trader.release()
  const configure = (functionName: 'setApprovers' | 'setApprovalLimit', args: unknown[]) =>
    world.devnet.asOwners(
      world.devnet.chain.module,
      encodeFunctionData({ abi: MODULE_ABI, functionName, args } as never),
    )
  await configure('setApprovers', [[approver], 1n])
  for (const { address } of world.devnet.chain.tokens) await configure('setApprovalLimit', [address, 1n, HOUR])
  await world.moveMarketTo(0)
  mkdirSync(approvals)
  snapshot = await ask('evm_snapshot')
}, 240_000)
beforeEach(async () => {
  await ask('evm_revert', [snapshot])
  snapshot = await ask('evm_snapshot')
})
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL')
  await trader?.world.close()
  rmSync(dir, { recursive: true })
})

/** A live agent; `said` and `printed` grow. */
function agent(settings: { decisions: number; paceMs?: number }) {
  const config = join(dir, 'live.yaml')
  const treasury = {
    ...{ rpc: trader.world.devnet.url, policy: join(out, 'verifier/policy.yaml') },
    ...{ verifiers: [trader.world.verifier.ready.url as string], threshold: 1 },
    ...{ executorKey: join(out, 'keys/executor.key'), logOrigin: LOG_ORIGIN, approvals: { dir: approvals } },
  }
  const { entry, marketSource } = trader
  writeFileSync(config, JSON.stringify({ strategy: entry, market: marketSource, out, treasury, ...settings }))
  const child = spawn(
    process.execPath,
    [join(ROOT, 'dist/runtime/cli/main.js'), 'run', '--config', config, '--live', '--json'],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  running.add(child)
  const told = { said: '', printed: '' }
  child.stderr?.on('data', chunk => {
    told.said += chunk
  })
  child.stdout?.on('data', chunk => {
    told.printed += chunk
  })
  const ended = new Promise<number | null>(done =>
    child.once('exit', code => {
      running.delete(child)
      done(code)
    }),
  )
  return { child, told, ended }
}
type Agent = ReturnType<typeof agent>

const requests = () => readdirSync(approvals).filter(name => /^[0-9a-f]{64}\.json$/.test(name))
/** The next request that is written, beyond those known before. */
async function requestBeyond(known: readonly string[], { child, told }: Agent): Promise<string> {
  for (;;) {
    const found = requests().find(name => !known.includes(name))
    if (found !== undefined) return join(approvals, found)
    if (child.exitCode !== null) throw new Error(told.said)
    await new Promise(done => setTimeout(done, 100))
  }
}
async function until(holds: () => boolean, { child, told }: Agent): Promise<void> {
  while (!holds()) {
    if (child.exitCode !== null) throw new Error(told.said)
    await new Promise(done => setTimeout(done, 100))
  }
}
/** Seconds from now, an hour or more, from which on for some minutes a trade loses so much at the verifier's price. */
async function whenLoss(request: string, isWanted: (bps: bigint) => boolean): Promise<number> {
  const { policy } = trader.world
  const { proposal } = approvalRequest.parse(JSON.parse(readFileSync(request, 'utf8')))
  const trade = proposal.calls.map(call => decodeCall(call, policy)?.trade ?? null).find(found => found !== null)
  if (trade == null) throw new Error('no trade')
  const market = createMarketPort(openSource(trader.marketSource))
  const start = await chainSeconds()
  const lossAt = async (seconds: number) => {
    const tick = (await market.tickAt(start + seconds)) ?? 0
    const paid = microUsd(policy, trade.sold, trade.amountIn, tick) ?? 0n
    return ((paid - (microUsd(policy, trade.bought, trade.atLeast, tick) ?? 0n)) * 10_000n) / paid
  }
  for (let seconds = HOUR; seconds < 5 * HOUR; seconds += 60) {
    const losses = await Promise.all([0, 1, 2, 3, 4].map(minutes => lossAt(seconds + 60 * minutes)))
    if (losses.every(isWanted)) return seconds
  }
  throw new Error('the price of this market is never so')
}
const approve = async (request: string, ...more: string[]) => {
  const done = await commandHere(['approve', request, '--key', keyFile, '--yes', ...more])
  expect(done.status, done.stderr).toBe(0)
}

/** The records since an index, by kind. */
async function recordsFrom(from: number) {
  const log = openLog({
    dir: join(out, 'log'),
    origin: LOG_ORIGIN,
    signer: openEd25519Key(join(out, 'keys/log.key')),
    clock: { nowMs: Date.now },
  })
  const records: AnyRecord[] = (await log.entries(from, log.size)).map(decodeRecord)
  const { size } = log
  await log.close()
  const of = <K extends RecordKind>(kind: K) =>
    records.flatMap(record => (record.kind === kind ? [{ ...record, body: record.body as RecordOf<K>['body'] }] : []))
  return { size, of }
}
const sizeOf = async () => (await recordsFrom(0)).size
const reported = ({ told }: Agent) =>
  JSON.parse(told.printed) as { trades: number; missed: number; log: { vkey: string } }
function expectSound(run: Agent): void {
  const { vkey } = reported(run).log
  for (const command of ['log verify', 'replay']) {
    const done = warrant([...command.split(' '), join(out, 'log'), '--vkey', vkey])
    expect(done.status, done.stdout + done.stderr).toBe(0)
  }
}

test('a price that moved meanwhile is refused by the verifiers although people approved, and nothing takes its place unasked', async () => {
  const known = requests()
  const from = await sizeOf()
  const run = agent({ decisions: 1 })
  const request = await requestBeyond(known, run)
  const seconds = await whenLoss(request, bps => bps > 135n)
  await later(seconds)
  await approve(request)
  expect(await run.ended, run.told.said).toBe(0)
  expect(run.told.said).toMatch(/denied: policy: could lose \d+ bps against the oracle/)
  const { of } = await recordsFrom(from)
  expect(of('verdict').map(({ body }) => body.checks.flatMap(({ id, ok }) => (ok === true ? [] : [id])))).toEqual([
    ['policy'],
  ])
  expect([of('proposal').length, of('approval').length, of('submission').length, reported(run).trades]).toEqual([
    1, 1, 0, 0,
  ])
  expectSound(run)
}, 300_000)

test('an agent that is killed while it waits takes up again: approved after an hour, the same calls are executed, once', async () => {
  const known = requests()
  const from = await sizeOf()
  const first = agent({ decisions: 3, paceMs: 500 })
  const request = await requestBeyond(known, first)
  await until(() => /3\/3/.test(first.told.said), first)
  first.child.kill('SIGKILL')
  await first.ended
  const [proposed] = (await recordsFrom(from)).of('proposal')
  // Ticks of the wait are on record: nothing else is decided meanwhile.
  const ticks = (await recordsFrom(from)).of('decision').map(({ body }) => body.result)
  expect(ticks).toMatchObject([
    { type: 'intents' },
    { type: 'missed', reason: expect.stringMatching(/^waiting for people on proposal [0-9a-f]{64}, valid until /) },
    { type: 'missed', reason: expect.stringContaining('waiting for people') },
  ])

  await later(await whenLoss(request, bps => bps < 120n))
  // Ended in order it leaves the proposal as it is; who starts again waits on.
  const second = agent({ decisions: 2 })
  await until(() => second.told.said.includes('one that waits for people taken up'), second)
  await until(() => /2\/2/.test(second.told.said), second)
  second.child.kill('SIGTERM')
  expect(await second.ended, second.told.said).toBe(0)
  expect(second.told.said).toContain('waits for people still: start again to go on')
  await approve(request, '--rpc', trader.world.devnet.url)
  const third = agent({ decisions: 1 })
  expect(await third.ended, third.told.said).toBe(0)
  expect(reported(third).trades, third.told.said).toBe(1)

  const { of } = await recordsFrom(from)
  expect([of('proposal'), of('approval'), of('submission'), of('outcome')].map(({ length }) => length)).toEqual([
    1, 1, 1, 1,
  ])
  const [proposal] = of('proposal')
  const [verdict] = of('verdict')
  const [submission] = of('submission')
  expect(proposal).toEqual(proposed)
  const policy = trader.world.policy
  const { limits } = policy
  expect(verdict?.body).toMatchObject({ answer: 'approve' })
  // People had hours, the signature has minutes.
  const judged = await chainSeconds()
  expect(verdict?.body.validUntil).toBeLessThanOrEqual(judged + limits.maxValiditySeconds)
  expect(proposal?.body.validUntil).toBeGreaterThan(judged + limits.maxValiditySeconds)
  expect(submission?.body.proposal).toBe(verdict?.body.proposal)
  const audit = warrant([
    'audit',
    join(out, 'log'),
    '--rpc',
    trader.world.devnet.url,
    '--vkey',
    reported(third).log.vkey,
    '--json',
  ])
  expect([audit.status, JSON.parse(audit.stdout)]).toMatchObject([0, { matched: 1, unexplained: [] }])
  expectSound(third)
}, 400_000)

// Last: what its agent asks about at its end waits on in the log.
test('people who never answer: the proposal is abandoned on record, and the next tick asks them anew', async () => {
  const known = requests()
  const from = await sizeOf()
  const run = agent({ decisions: 40, paceMs: 4_000 })
  const request = await requestBeyond(known, run)
  await later(6 * HOUR + 1)
  const second = await requestBeyond([...known, request.slice(approvals.length + 1)], run)
  expect(run.told.said).not.toContain('denied')
  await approve(second, '--reject', 'not today')
  // Whatever else speaks against it, for the trade of before counts in the log: a rejection ends it at once.
  await until(() => run.told.said.includes('denied: '), run)
  run.child.kill('SIGTERM')
  await run.ended
  const { of } = await recordsFrom(from)
  const [abandoned] = of('incident')
  expect(abandoned?.body).toMatchObject({
    what: 'a proposal was abandoned',
    reason: expect.stringMatching(/^people had time until \d+ at the latest, and 0 approved: too few/),
  })
  expect(of('proposal').length).toBeGreaterThan(1)
  expect(of('submission')).toEqual([])
}, 300_000)

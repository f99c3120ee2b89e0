import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openEd25519Key } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { LOG_ORIGIN } from '#runtime/demo/demoWorld.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { verifyLog } from '#verifier/audit/verifyLog.ts'
import { type AnyRecord, decodeRecord } from '#verifier/evidence/record.ts'
import { parseVkey } from '#verifier/log/signedNote.ts'
import { createTraderWorld } from '../fault/treasury/traderWorld.ts'
import { warrant } from '../support/warrant.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const dir = mkdtempSync(join(tmpdir(), 'warrant-expired-'))
afterAll(() => rmSync(dir, { recursive: true }))

test('an approved proposal that is mined too late is replaced by a new one, judged anew, and executed once', async () => {
  const out = join(dir, 'world')
  const { world, entry, marketSource, release } = await createTraderWorld(out, '5', 6, {
    adjustPolicy: policy => ({
      ...policy,
      limits: { ...policy.limits, cooldownSeconds: 0, maxSlippageBps: 1_000 },
      observation: { ...policy.observation, maxAgeSeconds: 7_200 },
    }),
  })
  await release()
  await world.moveMarketTo(0)
  const ask = async <T>(method: string, params: unknown[] = []): Promise<T> => {
    const response = await fetch(world.devnet.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    })
    const { result, error } = (await response.json()) as { result: T; error?: { message: string } }
    if (error !== undefined) throw new Error(`${method}: ${error.message}`)
    return result
  }
  try {
    const config = join(dir, 'live.yaml')
    const treasury = {
      ...{ rpc: world.devnet.url, policy: join(out, 'verifier/policy.yaml') },
      ...{ verifiers: [world.verifier.ready.url as string], threshold: 1 },
      ...{ executorKey: join(out, 'keys/executor.key'), logOrigin: LOG_ORIGIN },
    }
    writeFileSync(
      config,
      JSON.stringify({ strategy: entry, market: marketSource, out, decisions: 1, paceMs: 0, treasury }),
    )
    // No block takes the transaction until its deadline is over.
    await ask('evm_setAutomine', [false])
    const child = spawn(
      process.execPath,
      [join(ROOT, 'dist/runtime/cli/main.js'), 'run', '--config', config, '--live', '--json'],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    let [said, printed] = ['', '']
    child.stderr?.on('data', chunk => {
      said += chunk
    })
    child.stdout?.on('data', chunk => {
      printed += chunk
    })
    const ended = new Promise<number | null>(done => child.once('exit', done))
    for (let tries = 0; Number((await ask<{ pending: string }>('txpool_status')).pending) === 0; tries++) {
      if (tries > 600 || child.exitCode !== null) throw new Error(`nothing was sent: ${said}`)
      await new Promise(done => setTimeout(done, 100))
    }
    await ask('evm_increaseTime', [601])
    await ask('evm_mine')
    await ask('evm_setAutomine', [true])
    expect(await ended, said).toBe(0)
    const { log, trades } = JSON.parse(printed)
    expect(trades, said).toBe(1)

    const kept = openLogFiles(join(out, 'log'))
    const report = await verifyLog({ files: kept, crypto: nodeCrypto, key: parseVkey(nodeCrypto, log.vkey) })
    expect(report.findings).toEqual([])
    const reopened = openLog({
      dir: join(out, 'log'),
      origin: LOG_ORIGIN,
      signer: openEd25519Key(join(out, 'keys/log.key')),
      clock: { nowMs: Date.now },
    })
    const records = (await reopened.entries(0, reopened.size)).map(decodeRecord)
    await reopened.close()
    const bodies = <K extends AnyRecord['kind']>(kind: K) =>
      records.flatMap(record => (record.kind === kind ? [record.body as Extract<AnyRecord, { kind: K }>['body']] : []))
    const [first, second, ...others] = bodies('proposal')
    expect(others).toEqual([])
    expect(second?.decision).toBe(first?.decision)
    expect(second?.nonce).not.toBe(first?.nonce)
    expect(second?.validUntil).toBeGreaterThan(first?.validUntil as number)
    expect(bodies('outcome').map(({ status }) => status)).toEqual(['reverted', 'success'])
    expect(bodies('incident')).toMatchObject([
      { what: 'a proposal expired', caughtBy: 'agent', reason: expect.stringContaining('a new one takes its place') },
    ])
    const audit = warrant(['audit', join(out, 'log'), '--rpc', world.devnet.url, '--vkey', log.vkey, '--json'])
    expect([audit.status, JSON.parse(audit.stdout)]).toMatchObject([0, { matched: 1, unexplained: [] }])
    expect(warrant(['replay', join(out, 'log'), '--vkey', log.vkey]).status).toBe(0)
  } finally {
    await world.close()
  }
}, 240_000)

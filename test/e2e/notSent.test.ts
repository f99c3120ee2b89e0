import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeFunctionData } from 'viem'
import { afterAll, expect, test } from 'vitest'
import { MODULE_ABI } from '#runtime/chain/abi.ts'
import { LOG_ORIGIN } from '#runtime/demo/demoWorld.ts'
import { createTraderWorld } from '../fault/treasury/traderWorld.ts'
import { warrant } from '../support/warrant.ts'

const dir = mkdtempSync(join(tmpdir(), 'warrant-not-sent-'))
afterAll(() => rmSync(dir, { recursive: true }))

test('a paused module: run --live sends nothing, says why, ends with 1, and the reason stands in the log and in explain', async () => {
  const out = join(dir, 'world')
  const { world, entry, marketSource, release } = await createTraderWorld(out, '5', 3)
  await release()
  await world.moveMarketTo(0)
  try {
    const { chain, client } = world.devnet
    await world.devnet.asOwners(chain.module, encodeFunctionData({ abi: MODULE_ABI, functionName: 'pause' }))
    const config = join(dir, 'live.yaml')
    const treasury = {
      rpc: world.devnet.url,
      policy: join(out, 'verifier/policy.yaml'),
      verifiers: [world.verifier.ready.url as string],
      threshold: 1,
      executorKey: join(out, 'keys/executor.key'),
      logOrigin: LOG_ORIGIN,
    }
    writeFileSync(config, JSON.stringify({ strategy: entry, market: marketSource, out, decisions: 1, treasury }))
    const before = await client.public.getBlockNumber()
    const run = warrant(['run', '--config', config, '--live', '--json'])
    expect(run.stderr).toContain('NOT SENT: the module is paused')
    const report = JSON.parse(run.stdout)
    expect([run.status, report]).toMatchObject([
      1,
      { trades: 0, refused: [{ kind: 'Paused', times: 1, isStanding: true }] },
    ])
    expect(await client.public.getBlockNumber()).toBe(before)
    const vkey = ['--vkey', report.log.vkey]
    expect(warrant(['log', 'verify', join(out, 'log'), ...vkey]).status).toBe(0)
    const shown = warrant(['log', 'show', join(out, 'log'), ...vkey, '--kind', 'incident'])
    expect(shown.stdout).toContain('a transaction was not sent')
    const explained = warrant(['explain', '0', '--log', join(out, 'log'), ...vkey])
    expect(explained.stdout).toContain('a transaction was not sent: the module is paused')
    expect(warrant(['replay', join(out, 'log'), ...vkey]).status).toBe(0)

    // The verifier's key as the executor's: refused before a run begins.
    const both = { ...treasury, executorKey: join(out, 'verifier/verifier.key') }
    writeFileSync(config, JSON.stringify({ strategy: entry, market: marketSource, out, decisions: 1, treasury: both }))
    const refused = warrant(['run', '--config', config, '--live', '--json'])
    expect([refused.status, refused.stderr]).toEqual([
      2,
      expect.stringMatching(/is executor .* and verifier .* in two roles/),
    ])
  } finally {
    await world.close()
  }
}, 240_000)

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { encodeFunctionData, type Hex } from 'viem'
import { afterAll, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { MODULE_ABI } from '#runtime/chain/abi.ts'
import { makeKeyFile } from '#runtime/cli/lib/keyFile.ts'
import { LOG_ORIGIN } from '#runtime/demo/demoWorld.ts'
import { spawnWarrant } from '#runtime/run/spawnWarrant.ts'
import { createTraderWorld } from '../fault/treasury/traderWorld.ts'
import { warrant } from '../support/warrant.ts'

const dir = mkdtempSync(join(tmpdir(), 'warrant-quorum-'))
afterAll(() => rmSync(dir, { recursive: true }))

test('two of three verifiers: one sees another market and denies, one is away; who said what stands in the log', async () => {
  const out = join(dir, 'world')
  const { world, entry, marketSource, release } = await createTraderWorld(out, '5', 6)
  await release()
  await world.moveMarketTo(0)
  const usual = parse(readFileSync(join(out, 'verifier/verifier.yaml'), 'utf8'))
  const startOther = (name: string, changes: object) => {
    const address = makeKeyFile(join(out, `verifier/${name}.key`))
    const file = join(out, `verifier/${name}.yaml`)
    writeFileSync(file, stringify({ ...usual, key: `${name}.key`, journal: `${name}.journal`, ...changes }))
    return spawnWarrant(['verifier', '--config', file]).then(service => ({ service, address }))
  }
  const agrees = await startOther('second', {})
  const elsewhere = { simulated: { ...marketSource.simulated, seed: 'another' } }
  const denies = await startOther('third', { market: elsewhere })
  const addresses = [world.verifier.ready.address as string, agrees.address, denies.address].sort()
  await world.devnet.asOwners(
    world.devnet.chain.module,
    encodeFunctionData({ abi: MODULE_ABI, functionName: 'setVerifiers', args: [addresses as Hex[], 2n] }),
  )
  const urls = [denies.service, agrees.service, world.verifier].map(({ ready }) => ready.url as string)
  const treasury = {
    ...{ rpc: world.devnet.url, policy: join(out, 'verifier/policy.yaml'), verifiers: urls, threshold: 2 },
    ...{ executorKey: join(out, 'keys/executor.key'), logOrigin: LOG_ORIGIN },
  }
  const config = join(dir, 'live.yaml')
  const written = (decisions: number, paceMs = 2_000) =>
    writeFileSync(config, JSON.stringify({ strategy: entry, market: marketSource, out, decisions, paceMs, treasury }))
  const log = join(out, 'log')
  const shown = (kind: string) => {
    const { stdout } = warrant(['log', 'show', log, '--unpinned', '--kind', kind, '--json'])
    return JSON.parse(stdout) as { record: { body: Record<string, unknown> } }[]
  }
  try {
    written(1)
    const run = warrant(['run', '--config', config, '--live', '--json'])
    expect([run.status, JSON.parse(run.stdout).trades], run.stderr).toEqual([0, 1])
    expect(run.stderr).toContain('denied: observation')
    const text = JSON.stringify(shown('incident'))
    expect(text).toContain('verifiers disagree')
    expect(text).toContain(`${denies.address}: observation: `)
    expect(
      JSON.stringify(shown('verdict'))
        .match(/"answer":"(approve|deny)"/g)
        ?.sort(),
    ).toEqual(['"answer":"approve"', '"answer":"approve"', '"answer":"deny"'])
    const vkey = ['--vkey', JSON.parse(run.stdout).log.vkey]
    for (const args of [
      ['log', 'verify', log, ...vkey],
      ['replay', log, ...vkey],
      ['audit', log, '--rpc', world.devnet.url, ...vkey],
    ])
      expect(warrant(args).status, args[0]).toBe(0)

    // One goes away in the middle of a run: without a quorum the trade is left, and the run goes on.
    await world.moveMarketTo(1)
    written(2)
    const going = spawn(process.execPath, ['dist/runtime/cli/main.js', 'run', '--config', config, '--live'], {
      cwd: resolve(import.meta.dirname, '../..'),
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    going.stderr.on('data', chunk => {
      said += chunk
      if (said.includes('decision 1/2')) void agrees.service.stop()
    })
    expect(await new Promise(done => going.once('exit', done)), said).toBe(0)
    expect(JSON.stringify(shown('incident'))).toContain('a verifier did not answer')
    // To begin with, as many must be there as it takes: it says who is not.
    const begun = warrant(['run', '--config', config, '--live'])
    expect([begun.status, begun.stdout]).toEqual([0, expect.stringContaining('goes on without a verifier')])
    await denies.service.stop()
    const alone = warrant(['run', '--config', config, '--live'])
    expect([alone.status, alone.stderr]).toEqual([
      2,
      expect.stringContaining('1 of the 2 verifiers that it takes are there: no verifier answers at'),
    ])
  } finally {
    await agrees.service.stop()
    await denies.service.stop()
    await world.close()
  }
}, 240_000)

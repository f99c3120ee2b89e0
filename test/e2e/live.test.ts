import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { LOG_ORIGIN } from '#runtime/demo/demoWorld.ts'
import { spawnWarrant } from '#runtime/run/spawnWarrant.ts'
import { policyDigest } from '#verifier/policy/policy.ts'
import { goVerifyRules, hasGo } from '../conformance/goVerifier.ts'
import { createTraderWorld } from '../fault/treasury/traderWorld.ts'
import { warrant } from '../support/warrant.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const dir = mkdtempSync(join(tmpdir(), 'warrant-live-'))
afterAll(() => rmSync(dir, { recursive: true }))

test('run --live against a real treasury: killed, started again in its directory, it ends what was cut off and goes on', async () => {
  const out = join(dir, 'world')
  const { world, entry, marketSource, release } = await createTraderWorld(out, '5', 6)
  await release()
  // Bars, block and prices of the first decision: its trade is approved; later ones are denied, because the chain stands still.
  await world.moveMarketTo(0)
  try {
    const config = join(dir, 'live.yaml')
    const given = {
      rpc: world.devnet.url,
      policy: join(out, 'verifier/policy.yaml'),
      verifiers: [world.verifier.ready.url as string],
      threshold: 1,
      executorKey: join(out, 'keys/executor.key'),
      logOrigin: LOG_ORIGIN,
    }
    const written = (paceMs: number, treasury: object = given) =>
      writeFileSync(
        config,
        JSON.stringify({ strategy: entry, market: marketSource, out, decisions: 3, paceMs, treasury }),
      )
    written(60_000)
    const first = spawn(
      process.execPath,
      [join(ROOT, 'dist/runtime/cli/main.js'), 'run', '--config', config, '--live', '--json'],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    let said = ''
    await new Promise<void>((done, fail) => {
      first.once('exit', code => fail(new Error(`ended with ${code}: ${said}`)))
      first.stderr?.on('data', chunk => {
        said += chunk
        if (/tick 1\/3|decision 1\/3|1\/3/.test(said)) done()
      })
    })
    first.removeAllListeners('exit')
    first.kill('SIGKILL')
    await new Promise(done => first.once('exit', done))

    written(0)
    const second = warrant(['run', '--config', config, '--live', '--json'])
    expect(second.stderr).toContain('recovered a run that was cut off')
    expect([second.status, JSON.parse(second.stdout)]).toMatchObject([0, { mode: 'live', decisions: 3 }])
    const vkey = ['--vkey', JSON.parse(second.stdout).log.vkey]
    expect(warrant(['log', 'verify', join(out, 'log'), ...vkey]).status).toBe(0)
    if (hasGo) expect(goVerifyRules(join(out, 'log'), vkey[1] as string).output).toMatch(/^ok \d+ /)
    const audit = warrant(['audit', join(out, 'log'), '--rpc', world.devnet.url, ...vkey, '--json'])
    expect([audit.status, JSON.parse(audit.stdout)]).toMatchObject([0, { unexplained: [] }])
    expect(JSON.parse(audit.stdout).matched).toBeGreaterThan(0)

    // The owners demand a witness for larger trades: without its cosignature the same trade is denied, with it it goes through.
    const { vkey: logKey } = JSON.parse(second.stdout).log
    const witness = await spawnWarrant([
      'witness',
      '--key',
      join(dir, 'w.key'),
      '--state',
      join(dir, 'w.state'),
      '--log',
      logKey,
      '--name',
      'w.example',
    ])
    const policy = {
      ...world.policy,
      limits: { ...world.policy.limits, cooldownSeconds: 0 },
      witnesses: { aboveUsd: 100, threshold: 1, keys: [witness.ready.vkey as string] },
    }
    writeFileSync(join(out, 'verifier/next.yaml'), JSON.stringify(policy))
    await world.devnet.setPolicy(policyDigest(policy))
    await world.verifier.stop()
    const verifierConfig = readFileSync(join(out, 'verifier/verifier.yaml'), 'utf8').replace('policy.yaml', 'next.yaml')
    writeFileSync(join(out, 'verifier/next-verifier.yaml'), verifierConfig)
    const verifier = await spawnWarrant(['verifier', '--config', join(out, 'verifier/next-verifier.yaml')])
    try {
      const next = { ...given, policy: join(out, 'verifier/next.yaml'), verifiers: [verifier.ready.url] }
      written(0, next)
      const unseen = warrant(['run', '--config', config, '--live', '--json'])
      expect([unseen.status, JSON.parse(unseen.stdout).trades]).toEqual([0, 0])
      expect(unseen.stderr + unseen.stdout).toMatch(/denied: log: .*cosign/)
      writeFileSync(join(dir, 'quorum'), `witness w ${witness.ready.vkey} ${witness.ready.url}\nquorum w\n`)
      written(0, { ...next, quorum: join(dir, 'quorum') })
      const seen = warrant(['run', '--config', config, '--live', '--json'])
      expect(seen.status).toBe(0)
      expect(JSON.parse(seen.stdout).trades, seen.stderr).toBeGreaterThan(0)
    } finally {
      await verifier.stop()
      await witness.stop()
    }
  } finally {
    await world.close()
  }
}, 240_000)

import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { encodeFunctionData } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, expect, test } from 'vitest'
import { MODULE_ABI } from '#runtime/chain/abi.ts'
import { LOG_ORIGIN } from '#runtime/demo/demoWorld.ts'
import { goVerifyRules, hasGo } from '../conformance/goVerifier.ts'
import { createTraderWorld } from '../fault/treasury/traderWorld.ts'
import { commandHere } from '../support/commandHere.ts'
import { warrant } from '../support/warrant.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const dir = mkdtempSync(join(tmpdir(), 'warrant-approve-'))
afterAll(() => rmSync(dir, { recursive: true }))

/** A live run of one decision that somebody must approve meanwhile. */
async function runWith(config: string, answer: (request: string) => Promise<void>, approvals: string) {
  const before = new Set(readdirSync(approvals))
  const run = spawn(process.execPath, ['dist/runtime/cli/main.js', 'run', '--config', config, '--live', '--json'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [out, said] = ['', '']
  run.stdout.on('data', chunk => {
    out += chunk
  })
  run.stderr.on('data', chunk => {
    said += chunk
  })
  const ended = new Promise<number | null>(done => run.once('exit', done))
  let request: string | undefined
  while (request === undefined) {
    if (run.exitCode !== null) throw new Error(said)
    await new Promise(done => setTimeout(done, 100))
    request = readdirSync(approvals).find(name => /^[0-9a-f]{64}\.json$/.test(name) && !before.has(name))
  }
  await answer(join(approvals, request))
  const status = await ended
  return { status, report: JSON.parse(out), said }
}

test('a person approves above the limit: shown in words, signed beside the request, checked by verifier and module', async () => {
  const [key, strangerKey] = [generatePrivateKey(), generatePrivateKey()]
  const approver = privateKeyToAccount(key).address.toLowerCase() as `0x${string}`
  const files = { me: join(dir, 'me.key'), stranger: join(dir, 'stranger.key') }
  writeFileSync(files.me, key)
  writeFileSync(files.stranger, strangerKey)
  const out = join(dir, 'world')
  const { world, entry, marketSource, release } = await createTraderWorld(out, '5', 6, {
    adjustPolicy: policy => ({
      ...policy,
      limits: { ...policy.limits, cooldownSeconds: 0 },
      approvals: { aboveUsd: 100, approvers: [approver], threshold: 1 },
    }),
  })
  await release()
  const configure = (functionName: 'setApprovers' | 'setApprovalLimit', args: unknown[]) =>
    world.devnet.asOwners(
      world.devnet.chain.module,
      encodeFunctionData({ abi: MODULE_ABI, functionName, args } as never),
    )
  await configure('setApprovers', [[approver], 1n])
  for (const { address } of world.devnet.chain.tokens) await configure('setApprovalLimit', [address, 1n, 3_600])
  await world.moveMarketTo(0)
  const approvals = join(dir, 'approvals')
  const treasury = {
    rpc: world.devnet.url,
    policy: join(out, 'verifier/policy.yaml'),
    verifiers: [world.verifier.ready.url as string],
    threshold: 1,
    executorKey: join(out, 'keys/executor.key'),
    logOrigin: LOG_ORIGIN,
  }
  const config = join(dir, 'live.yaml')
  const written = (given: object) =>
    writeFileSync(config, JSON.stringify({ strategy: entry, market: marketSource, out, decisions: 1, treasury: given }))
  try {
    written(treasury)
    const without = warrant(['run', '--config', config, '--live'])
    expect([without.status, without.stderr]).toEqual([2, expect.stringContaining('treasury.approvals is missing')])

    written({ ...treasury, approvals: { dir: approvals, waitSeconds: 500 } })
    const { mkdirSync } = await import('node:fs')
    mkdirSync(approvals)
    const approved = await runWith(
      config,
      async request => {
        const unsure = await commandHere(['approve', request, '--key', files.me])
        expect([unsure.status, unsure.stderr]).toEqual([2, expect.stringContaining('say --yes')])
        expect(unsure.stdout).toMatch(/1\. let 0x[0-9a-fA-F]{40} \(Uniswap v3's router\) take 900 USDC/)
        expect(unsure.stdout).toMatch(
          /2\. swap 900 USDC for at least 0\.\d+ WETH, paid to 0x[0-9a-fA-F]{40} \(the Safe\)/,
        )
        // A changed proposal is another one, whatever its file is called.
        const changed = join(approvals, `${'ab'.repeat(32)}.json`)
        writeFileSync(changed, readFileSync(request))
        expect((await commandHere(['approve', changed, '--key', files.me, '--yes'])).stderr).toContain(
          "the file's name says otherwise",
        )
        rmSync(changed)
        expect((await commandHere(['approve', request, '--key', files.stranger, '--yes'])).status).toBe(0)
        const node = ['--rpc', world.devnet.url, '--policy', treasury.policy]
        const signed = await commandHere(['approve', request, '--key', files.me, '--yes', '--json', ...node])
        expect(signed.stderr).toMatch(/TRIED NOW BY YOUR NODE\n {5}on block \d+: -900 USDC, \+0\.\d+ WETH/)
        expect(JSON.parse(signed.stdout)).toMatchObject({ answer: 'approve', signer: approver })
        expect((await commandHere(['approve', request, '--key', files.me, '--yes'])).stderr).toContain(
          'has answered before',
        )
      },
      approvals,
    )
    expect(approved.said).toContain('is no approver of the policy')
    expect([approved.status, approved.report.trades], approved.said).toEqual([0, 1])

    const rejected = await runWith(
      config,
      async request => {
        expect((await commandHere(['approve', request, '--key', files.me, '--reject', 'not today'])).stderr).toContain(
          '--yes',
        )
        expect(
          (await commandHere(['approve', request, '--key', files.me, '--reject', 'not today', '--yes'])).status,
        ).toBe(0)
      },
      approvals,
    )
    expect(rejected.said).toContain('an approver rejected it')
    expect([rejected.status, rejected.report.trades]).toEqual([0, 0])
    expect(warrant(['log', 'verify', join(out, 'log'), '--vkey', rejected.report.log.vkey]).status).toBe(0)
    if (hasGo) expect(goVerifyRules(join(out, 'log'), rejected.report.log.vkey).output).toMatch(/^ok \d+ /)
  } finally {
    await world.close()
  }
}, 400_000)

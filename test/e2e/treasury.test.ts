import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSafe, execAsOwners } from '#runtime/chain/devnet/deploySafe.ts'
import { type Devnet, startDevnet } from '#runtime/chain/devnet/startDevnet.ts'
import { demoPolicy } from '#runtime/demo/demoPolicy.ts'
import { warrant } from '../support/warrant.ts'

// A DAO adopts the module: from a plain Safe to one whose agents can act by verdicts alone.
const dir = mkdtempSync(join(tmpdir(), 'warrant-treasury-'))
const deployer = generatePrivateKey()
const verifiers = [1, 2, 3].map(() => privateKeyToAccount(generatePrivateKey()).address.toLowerCase())
const [guardian, recipient, executor, approver] = [1, 2, 3, 4].map(() =>
  privateKeyToAccount(generatePrivateKey()).address.toLowerCase(),
) as [string, string, string, string]
let net: Devnet
let safe: Hex
beforeAll(async () => {
  net = await startDevnet({
    ...{ startSeconds: 1_700_000_000, startTick: 200_000, verifiers: [guardian], threshold: 1, executor: guardian },
    ...{ treasury: { dollars: 1n, weth: 1n } },
  })
  safe = await createSafe(net.client, net.deployer, net.safeContracts, {
    ...{ owners: net.owners.map(owner => owner.address), threshold: 2, salt: 5n },
  })
  await net.market.mintDollars(safe, 50_000n * 10n ** 6n)
  await net.client.setBalance(privateKeyToAccount(deployer).address, 10n ** 19n)
  writeFileSync(join(dir, 'deployer.key'), deployer)
}, 240_000)
afterAll(async () => {
  await net?.stop()
  rmSync(dir, { recursive: true })
})

const policyFor = (module: string) => ({
  ...demoPolicy({
    ...{ chain: { ...net.chain, safe, module }, logKey: 'log+00+00', agentKey: 'ab'.repeat(32), executor },
    ...{ strategies: [], models: [], workers: [] },
  }),
  recipients: [recipient],
  approvals: { aboveUsd: 1_000, approvers: [approver], threshold: 1 },
})
const written = (module: string, changes: object = {}) => {
  writeFileSync(join(dir, 'policy.yaml'), JSON.stringify(policyFor(module)))
  const config = {
    ...{ policy: 'policy.yaml', verifiers, threshold: 2, guardian, guard: null },
    caps: {
      USDC: { amount: String(20_000n * 10n ** 6n), windowSeconds: 86_400 },
      WETH: { amount: String(5n * 10n ** 18n), windowSeconds: 86_400 },
    },
    approvalLimits: { USDC: String(10_000n * 10n ** 6n) },
    ...changes,
  }
  writeFileSync(join(dir, 'treasury.yaml'), JSON.stringify(config))
  return join(dir, 'treasury.yaml')
}
const NOWHERE = `0x${'00'.repeat(19)}01`

test('rehearsed on the chain itself, and on a mirror of it; nothing is left behind', async () => {
  const config = written(NOWHERE, { guard: NOWHERE })
  const before = await net.client.public.getBlockNumber()
  for (const where of [['--rpc', net.url], []]) {
    const run = warrant(['treasury', 'rehearse', '--config', config, ...where, '--json'])
    const { ok, steps } = JSON.parse(run.stdout) as { ok: boolean; steps: { what: string; detail: string }[] }
    expect([run.status, ok], run.stdout).toEqual([0, true])
    const detail = (what: string) => steps.find(step => step.what.includes(what))?.detail
    expect(detail('first trade')).toMatch(/^\d+ gas$/)
    expect(detail('the same verdict again')).toContain('NonceUsed')
    expect(detail('without a verdict')).toBe('NotEnoughSignatures(0, 2)')
    expect(detail('payment to a stranger')).toContain('RecipientNotSafe')
    expect(detail('refused: another module')).toBeDefined()
    expect(detail('owners still move')).toBeDefined()
  }
  expect(await net.client.public.getBlockNumber()).toBe(before)
}, 240_000)

test('deployed, planned in words and for the Transaction Builder, signed by the owners: the doctor finds all well', async () => {
  const at = ['--rpc', net.url]
  const deployed = warrant([
    ...['treasury', 'deploy', '--config', written(NOWHERE), ...at, '--key', join(dir, 'deployer.key'), '--json'],
  ])
  expect(deployed.status, deployed.stderr).toBe(0)
  const { module, guard } = JSON.parse(deployed.stdout)
  const config = written(module, { guard })
  const out = join(dir, 'adoption.json')
  const planned = warrant(['treasury', 'plan', '--config', config, ...at, '--out', out])
  expect(planned.status, planned.stderr).toBe(0)
  expect(planned.stdout).toContain("are this version's, Safe 1.5.0")
  expect(planned.stdout).toContain('at most 20000 USDC leave at once, at most twice that in any 86400 seconds')
  const { transactions, chainId } = JSON.parse(readFileSync(out, 'utf8')) as {
    transactions: { to: Hex; value: string; data: Hex }[]
    chainId: string
  }
  expect(chainId).toBe(String(net.chain.chainId))

  const doctor = () => warrant(['doctor', ...at, '--module', module, '--policy', join(dir, 'policy.yaml'), '--json'])
  expect(doctor().status).toBe(1)
  for (const { to, data } of transactions) await execAsOwners(net.client, net.owners.slice(0, 2), safe, to, data)
  const well = doctor()
  expect([well.status, well.stdout]).toEqual([0, expect.stringContaining(`module guard ${guard}`)])
  const whole = warrant(['doctor', ...at, '--config', config, '--json'])
  expect([whole.status, whole.stdout]).toEqual([0, expect.stringContaining('are those of policy and configuration')])
  // A second plan has nothing to say; a third takes back what the files no longer have.
  const again = warrant(['treasury', 'plan', '--config', config, ...at])
  expect([again.status, again.stdout]).toEqual([0, expect.stringContaining('nothing to do')])
  const narrower = written(module, { guard, approvalLimits: {} })
  const third = warrant(['treasury', 'plan', '--config', narrower, ...at])
  expect([third.status, third.stdout]).toEqual([0, expect.stringMatching(/1\. no longer: above 10000 USDC at once/)])
  expect(third.stdout).not.toContain('2. ')
}, 240_000)

test('a deployer without money: one line, not a stack', () => {
  writeFileSync(join(dir, 'poor.key'), generatePrivateKey())
  const run = warrant([
    ...['treasury', 'deploy', '--config', written(NOWHERE), '--rpc', net.url, '--key', join(dir, 'poor.key')],
  ])
  expect([run.status, run.stderr]).toEqual([2, expect.stringMatching(/^warrant: [^\n]*(top it up|funds)[^\n]*\n$/)])
})

test.each<[string, () => string, RegExp]>([
  ['two quorums', () => written(NOWHERE, { threshold: 1 }), /more than half must sign/],
  ['a token without a cap', () => written(NOWHERE, { caps: {} }), /caps\.USDC is missing/],
  [
    'a cap for what the policy does not list',
    () =>
      written(NOWHERE, {
        caps: {
          USDC: { amount: 1, windowSeconds: 1 },
          WETH: { amount: 1, windowSeconds: 1 },
          DAI: { amount: 1, windowSeconds: 1 },
        },
      }),
    /caps\.DAI: the policy lists no such token/,
  ],
  ['a module that is none', () => written(net.chain.pool.address), /is not the WarrantModule of this version/],
  ['a module of another Safe', () => written(net.chain.module), /the module's Safe is/],
  ['no contract at all', () => written(NOWHERE), /there is no contract|is not the WarrantModule/],
  ['an unknown field', () => written(NOWHERE, { extra: 1 }), /extra/],
])('%s: refused, nothing planned', (_what, config, reason) => {
  const out = join(dir, 'never.json')
  const run = warrant(['treasury', 'plan', '--config', config(), '--rpc', net.url, '--out', out])
  expect([run.status, run.stderr]).toEqual([2, expect.stringMatching(reason)])
  expect(() => readFileSync(out)).toThrow()
})

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Anvil, startAnvil } from '#runtime/chain/devnet/startAnvil.ts'
import { deployTreasury, planTreasury } from '#runtime/cli/lib/adoptTreasury.ts'
import { runVerifier } from '#runtime/cli/lib/runVerifier.ts'
import { demoPolicy } from '#runtime/demo/demoPolicy.ts'

// One key in two roles checks itself: refused wherever keys meet, before anything happens.
const dir = mkdtempSync(join(tmpdir(), 'warrant-roles-'))
const keys = [1, 2, 3].map(() => generatePrivateKey())
const [own, executor, approver] = keys.map(key => privateKeyToAccount(key).address.toLowerCase()) as [
  string,
  string,
  string,
]
const address = (byte: string) => `0x${byte.repeat(20)}`
let anvil: Anvil
beforeAll(async () => {
  anvil = await startAnvil({ chainId: 31_337, startSeconds: 1_700_000_000 })
  for (const [i, key] of keys.entries()) writeFileSync(join(dir, `${i}.key`), key, { mode: 0o600 })
  writeFileSync(join(dir, 'policy.yaml'), JSON.stringify(policy))
}, 60_000)
afterAll(async () => {
  await anvil?.stop()
  rmSync(dir, { recursive: true })
})

const policy = {
  ...demoPolicy({
    chain: {
      ...{ chainId: 31_337, safe: address('11'), module: address('22'), guard: null, router: address('33') },
      pool: { address: address('44'), token0: address('55'), token1: address('66'), feePips: 500 },
      tokens: [
        { symbol: 'USDC', address: address('55'), decimals: 6 },
        { symbol: 'WETH', address: address('66'), decimals: 18 },
      ],
    },
    ...{ logKey: 'log+00+00', agentKey: 'ab'.repeat(32), executor, strategies: [], models: [], workers: [] },
  }),
  approvals: { aboveUsd: 1, approvers: [approver], threshold: 1 },
}

function verifier(key: number, guardian?: number): string {
  const file = join(dir, 'verifier.yaml')
  const config = {
    ...{ listen: { port: 0 }, policy: 'policy.yaml', logKey: 'log+00+00', rpc: anvil.url, key: `${key}.key` },
    ...{ journal: 'journal', market: { simulated: { seed: '1', minutes: 60 } } },
    ...(guardian === undefined ? {} : { watch: { guardianKey: `${guardian}.key` } }),
  }
  writeFileSync(file, JSON.stringify(config))
  return file
}
test.each<[string, () => Promise<unknown>, RegExp]>([
  ["a verifier with the executor's key", () => runVerifier(verifier(1)), /is executor .* and verifier/],
  ["a verifier with an approver's key", () => runVerifier(verifier(2)), /is approver .* and verifier/],
  ["a verifier whose guardian's key is its own", () => runVerifier(verifier(0, 0)), /is verifier .* and guardian/],
  [
    "a verifier whose guardian's key is the executor's",
    () => runVerifier(verifier(0, 1)),
    /is executor .* and guardian/,
  ],
  [
    'a plan with a guardian who is the executor',
    () => planTreasury(treasury({ guardian: executor }), null, null),
    /is executor .* and guardian/,
  ],
  [
    'a plan with a verifier who approves',
    () => planTreasury(treasury({ verifiers: [approver] }), null, null),
    /is approver .* and verifier/,
  ],
  [
    'a plan whose guard is an approver',
    () => planTreasury(treasury({ guard: approver }), null, null),
    /is approver .* and guard/,
  ],
  [
    'a deployment with a guardian who verifies',
    () => deployTreasury(treasury({ guardian: own }), anvil.url, join(dir, '0.key')),
    /is verifier .* and guardian/,
  ],
])('%s is refused', async (_what, work, reason) => {
  await expect(work()).rejects.toThrow(reason)
})

function treasury(changes: object): string {
  const file = join(dir, 'treasury.yaml')
  const config = {
    ...{ policy: 'policy.yaml', verifiers: [own], threshold: 1, guardian: address('77'), guard: null },
    caps: { USDC: { amount: 1, windowSeconds: 1 } },
    ...changes,
  }
  writeFileSync(file, JSON.stringify(config))
  return file
}

test('a deployment for a Safe that is not there is refused in one line', async () => {
  const deployed = deployTreasury(treasury({}), anvil.url, join(dir, '0.key'))
  await expect(deployed).rejects.toThrow(/^the Safe 0x11\w+ is not deployed on this chain: there is no contract$/)
})

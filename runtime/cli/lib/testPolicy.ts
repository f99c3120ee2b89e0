import { dirname, resolve } from 'node:path'
import { encoderOf } from '#agents/build/adapters/index.ts'
import { loadConfig, readYaml } from '#config/loadConfig.ts'
import { type PolicyTests, policyTests } from '#config/policyTests.ts'
import { policyCheck } from '#verifier/audit/checks/policy.ts'
import type { AuditContext, AuditPorts } from '#verifier/audit/context.ts'
import { valueAtRiskUsd } from '#verifier/effects/valueAtRisk.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { ChainIdentity } from '#verifier/evidence/records/run.ts'
import { type Policy, parsePolicy } from '#verifier/policy/policy.ts'

export type PolicyTestResult = { name: string; ok: boolean; answer: 'allow' | 'deny'; reason: string }

/** Chain time of every case; only differences count. */
const NOW = 1_700_000_000

/** Runs a table of cases through the verifier's own policy check. @throws BAD_CONFIG naming the field */
export async function testPolicy(file: string): Promise<PolicyTestResult[]> {
  const tests = loadConfig(file, policyTests)
  const policy = parsePolicy(readYaml(resolve(dirname(file), tests.policy)), tests.policy)
  const results: PolicyTestResult[] = []
  for (const test of tests.cases) {
    const { ok, detail } = await judge(policy, tests, test).catch((error: unknown) => ({
      ok: false,
      detail: `could not be evaluated: ${reasonOf(error)}`,
    }))
    const answer = ok ? ('allow' as const) : ('deny' as const)
    const fits = answer === test.expect && (test.because === undefined || detail.includes(test.because))
    results.push({ name: test.name, ok: fits, answer, reason: detail })
  }
  return results
}

async function judge(policy: Policy, { oracleTick, balances }: PolicyTests, test: PolicyTests['cases'][number]) {
  const [market] = policy.uniswapV3
  const validUntil = NOW + test.validitySeconds
  const calls = test.intents.flatMap(intent => {
    if (intent.type === 'swap' && market === undefined)
      throw new WarrantError('BAD_INPUT', 'a swap, and the policy allows no pool')
    const chain = {
      ...{ chainId: policy.chainId, safe: policy.safe, module: policy.module, guard: null, tokens: policy.tokens },
      router: market?.router,
      pool: { ...market, address: market?.pool },
      positions: market?.positions,
      uniswapV2: policy.uniswapV2?.[0],
    } as unknown as ChainIdentity
    return encoderOf(intent.type).encode(intent, chain, validUntil)
  })
  const answers = (signers: readonly string[], answer: 'approve' | 'reject') =>
    signers.map(signer => ({ body: { signer, answer } }))
  // What this check looks at, and nothing else: it would throw, and a throw denies.
  const context = {
    // A table has no pool to move, and no module to ask.
    policy: { ...policy, limits: { ...policy.limits, maxPriceImpactBps: undefined }, verifiers: undefined },
    decision: { body: { result: { type: 'intents', intents: test.intents } } },
    proposal: { body: { calls, validUntil, nonce: '0' } },
    proposalDigest: 'own',
    siblings: [],
    firstWithNonce: 'own',
    maybeSigned: null,
    head: { number: 1, hash: '0x', timestamp: NOW },
    oracleTick,
    valueUsd: valueAtRiskUsd(policy, calls, oracleTick),
    observation: { body: { view: { balances: test.balances ?? balances } } },
    approvals: [...answers(test.approvedBy, 'approve'), ...answers(test.rejectedBy, 'reject')],
  } as unknown as AuditContext
  const ports = {
    ledger: {
      entries: () =>
        test.before.map(({ usd, secondsAgo, status }, i) => ({
          ...{ nonce: `before ${i}`, proposalDigest: `before ${i}`, usd, status },
          signedAtSeconds: NOW - secondsAgo,
        })),
      highestTreasuryUsd: () => test.highestUsd,
    },
    // A table has no chain: the treasury holds no positions there.
    chain: { read: async () => `0x${'0'.repeat(64)}` },
    market: { description: 'the table' },
  } as unknown as AuditPorts
  return policyCheck.run(context, ports)
}

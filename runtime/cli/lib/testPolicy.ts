import { dirname, resolve } from 'node:path'
import { encoderOf } from '#agents/build/adapters/index.ts'
import { loadConfig } from '#config/loadConfig.ts'
import { type PolicyTests, policyTests } from '#config/policyTests.ts'
import { readPolicy } from '#config/readPolicy.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import type { Call } from '#verifier/evidence/records/proposal.ts'
import type { ChainIdentity } from '#verifier/evidence/records/run.ts'
import type { Case, Earlier } from '#verifier/judge/case.ts'
import { nonceCall } from '#verifier/judge/counters.ts'
import type { Facts } from '#verifier/judge/facts.ts'
import { judge } from '#verifier/judge/judge.ts'
import type { Policy } from '#verifier/policy/policy.ts'

export type PolicyTestResult = { name: string; ok: boolean; answer: 'allow' | 'deny'; reason: string }
type TableCase = PolicyTests['cases'][number]

/** Chain time of every case; only differences count. */
const NOW = 1_700_000_000
const NO_HASH = `0x${'00'.repeat(32)}`
const LEAF = '00'.repeat(32)

/** Runs a table of cases through the verifier's own rules of the policy. @throws BAD_CONFIG naming the field */
export async function testPolicy(file: string): Promise<PolicyTestResult[]> {
  const tests = loadConfig(file, policyTests)
  const policy = readPolicy(resolve(dirname(file), tests.policy), tests.policy)
  return tests.cases.map(test => {
    const { ok, detail } = outcomeOf(policy, tests, test)
    const answer = ok ? ('allow' as const) : ('deny' as const)
    const fits = answer === test.expect && (test.because === undefined || detail.includes(test.because))
    return { name: test.name, ok: fits, answer, reason: detail }
  })
}

/** What the rules of the check `policy` say: the others need a log and a chain. */
function outcomeOf(policy: Policy, tests: PolicyTests, test: TableCase): { ok: boolean; detail: string } {
  try {
    const { checks } = judge(caseOf(policy, tests, test), factsOf(policy, tests, test))
    const found = checks.find(({ id }) => id === 'policy')
    return { ok: found?.ok === true, detail: found?.detail ?? 'was not judged' }
  } catch (error) {
    return { ok: false, detail: `could not be evaluated: ${reasonOf(error)}` }
  }
}

function caseOf(policy: Policy, { balances }: PolicyTests, test: TableCase): Case {
  const validUntil = NOW + test.validitySeconds
  const answers = (signers: readonly string[], answer: 'approve' | 'reject') =>
    signers.map(signer => ({ body: { signer, answer, signature: '0x' } }) as RecordOf<'approval'>)
  const decision = { body: { result: { type: 'intents', intents: test.intents, reason: 'the table' }, doors: [] } }
  const observation = { body: { view: { balances: test.balances ?? balances } } }
  return {
    // A table has no pool to move, and no module to ask.
    policy: { ...policy, limits: { ...policy.limits, maxPriceImpactBps: undefined }, verifiers: undefined },
    ...{ policyDigest: LEAF, logKey: '', size: 1, leaf: LEAF, digest: LEAF, answers: new Map() },
    proposal: proposalOf(callsOf(policy, test.intents, validUntil), validUntil, '0', 'own'),
    run: {} as RecordOf<'run'>,
    isRunClosed: false,
    decision: decision as unknown as RecordOf<'decision'>,
    observation: observation as unknown as RecordOf<'observation'>,
    calls: [],
    approvals: [...answers(test.approvedBy, 'approve'), ...answers(test.rejectedBy, 'reject')],
    earlier: test.before.map((one, i) => earlierOf(policy, one, i)),
    firstWithNonce: LEAF,
  }
}

const proposalOf = (calls: Call[], validUntil: number, nonce: string, decision: string) =>
  ({ body: { calls, validUntil, nonce, decision } }) as unknown as RecordOf<'proposal'>

/** The calls that an agent would make of intents. */
function callsOf(policy: Policy, intents: TableCase['intents'], validUntil: number): Call[] {
  const [market] = policy.uniswapV3
  const chain = {
    ...{ chainId: policy.chainId, safe: policy.safe, module: policy.module, guard: null, tokens: policy.tokens },
    router: market?.router,
    pool: { ...market, address: market?.pool },
    positions: market?.positions,
    uniswapV2: policy.uniswapV2?.[0],
  } as unknown as ChainIdentity
  return intents.flatMap(intent => {
    if (intent.type === 'swap' && market === undefined)
      throw new WarrantError('BAD_INPUT', 'a swap, and the policy allows no pool')
    return encoderOf(intent.type).encode(intent, chain, validUntil)
  })
}

/** What moved so many dollars before: a transfer of the policy's dollar. */
function earlierOf(policy: Policy, { usd, secondsAgo, status }: TableCase['before'][number], i: number): Earlier {
  const dollar = policy.tokens.find(token => token.usd === 'one')
  if (dollar === undefined) throw new WarrantError('BAD_INPUT', 'before: the policy lists no token of one dollar')
  const amount = BigInt(usd) * 10n ** BigInt(dollar.decimals)
  const intent = { type: 'transfer' as const, token: dollar.symbol, to: policy.safe, amount: String(amount) }
  const id = String(i + 1).padStart(64, '0')
  const validUntil = status === 'reserved' ? NOW + 1 : NOW - Math.max(1, secondsAgo)
  return {
    ...{ leaf: id, digest: id, answers: new Map(), approvedAt: NOW - secondsAgo },
    proposal: proposalOf(callsOf(policy, [intent], validUntil), validUntil, String(i + 1), id),
    outcome: status === 'executed' ? 'success' : status === 'failed' ? 'reverted' : null,
  }
}

function factsOf({ module }: Policy, { oracleTick }: PolicyTests, test: TableCase): Facts {
  return {
    ...{ version: 1, proposal: LEAF, nowMs: NOW * 1_000, tookMicros: 0 },
    head: { number: 1, hash: NO_HASH, timestamp: NOW },
    log: { size: 1, fault: null, cosigned: [] },
    proofs: [],
    journal: { nonceSignedFor: null, maybeSigned: null, highestTreasuryUsd: test.highestUsd },
    market: { source: 'the table', tick: { value: oracleTick } },
    blocks: [],
    // The table says itself what was executed: the module has used no nonce of the others.
    reads: test.before.map((_, i) => ({ block: 1, ...nonceCall(module, String(i + 1)), result: NO_HASH })),
  }
}

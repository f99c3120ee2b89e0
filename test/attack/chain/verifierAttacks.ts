import { copyFileSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { encodeFunctionData, type Hex, keccak256, type PrivateKeyAccount, parseAbi, zeroAddress } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { buildProposal } from '#agents/build/buildProposal.ts'
import { runTick } from '#agents/cycle/runTick.ts'
import { createVerifierClient, type VerifierClient } from '#runtime/api/verifierClient.ts'
import type { LoggedProposal } from '#runtime/chain/createTreasury.ts'
import { SAFE_ABI } from '#runtime/chain/devnet/deploySafe.ts'
import { executeCalldata } from '#runtime/chain/executor.ts'
import { openExecutorKey } from '#runtime/chain/signer.ts'
import { auditLog } from '#runtime/cli/lib/auditLog.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import type { DemoRun } from '#runtime/demo/demoWorld.ts'
import { createMarketPort } from '#runtime/market/marketPort.ts'
import { openSource } from '#runtime/market/openSource.ts'
import { AGENT } from '#runtime/run/openRun.ts'
import { type Service, spawnWarrant } from '#runtime/run/spawnWarrant.ts'
import { decodeCall } from '#verifier/effects/decodeCall.ts'
import { microUsd } from '#verifier/effects/price.ts'
import { approvalTypedData } from '#verifier/evidence/approvalTypes.ts'
import type { Appended } from '#verifier/evidence/ports/log.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { Decision } from '#verifier/evidence/records/decision.ts'
import type { Verdict } from '#verifier/evidence/records/verdict.ts'
import { type Policy, policyDigest } from '#verifier/policy/policy.ts'
import type { TraderWorld } from '../../fault/treasury/traderWorld.ts'
import type { Mutation } from './mutation.ts'

/** An attack on a real verifier process by whoever holds the agent's host. It answers 'succeeded', or why it did not. */
export type VerifierAttack = {
  name: string
  refusedBy: string
  without: Mutation[]
  params?: object
  adjustPolicy?(policy: Policy): Policy
  attempt(setting: TraderWorld): Promise<string>
}

const rule = (name: string) => `verifier/judge/rules/${name}.ts`
const COUNTERS = 'verifier/judge/counters.ts'
const IS_OPEN = 'const isOpen = !isUsed && one.proposal.body.validUntil >= atSeconds'
const off = (file: string, from: string): Mutation => ({ file, from, to: from.replace('if (', 'if (1 + 1 === 3 && ') })
const withLimits = (limits: Partial<Policy['limits']>) => (policy: Policy) => ({
  ...policy,
  limits: { ...policy.limits, ...limits },
})
const APPROVER = privateKeyToAccount(`0x${'5a'.repeat(32)}`)
/** People are asked above so many dollars. */
const asking = (aboveUsd: number) => (policy: Policy) => ({
  ...policy,
  approvals: { aboveUsd, approvers: [APPROVER.address.toLowerCase()], threshold: 1 },
})
/** What people have where a policy says nothing of it. */
const HOURS = 28_800

/** The decision of a tick, made as always. */
async function decide({ strategy }: TraderWorld, run: DemoRun, tick = 0): Promise<Appended> {
  let decided: Appended | null = null
  await runTick(
    {
      agent: AGENT,
      crypto: nodeCrypto,
      log: run.opened.appenders.agent,
      strategy: strategy.sandboxed,
      identity: { strategy: strategy.bundle.digest, params: strategy.paramsDigest },
      observe: run.observe,
      infer: run.opened.gateway.infer,
      settle: async decision => {
        decided = decision
      },
      durable: true,
    },
    tick,
  )
  if (decided === null) throw new Error('the trader did not trade')
  return decided
}

const denials = ({ checks }: Verdict) =>
  checks
    .filter(check => check.ok !== true)
    .map(check => `${check.id}: ${check.detail}`)
    .join('; ')

async function ask(client: VerifierClient, proposal: LoggedProposal): Promise<Verdict> {
  await client.sync()
  return (await client.verdict(proposal.leafHash)).verdict
}

/** A proposal of a decision under a nonce of the attacker's choosing. */
async function proposeAs(
  { world }: TraderWorld,
  run: DemoRun,
  decision: Appended,
  nonce: bigint,
  validSeconds = 600,
): Promise<LoggedProposal> {
  const { result } = decision.record.body as Decision
  const { timestamp } = await world.devnet.client.public.getBlock()
  const body = buildProposal({
    agent: AGENT,
    decision: decision.leafHash,
    intents: result.type === 'intents' ? result.intents : [],
    chain: world.devnet.chain,
    nonce,
    policyDigest: policyDigest(world.policy),
    executor: world.policy.identities.executors[0]?.address ?? '',
    validUntil: Number(timestamp) + validSeconds,
    sign: world.keys.agent.sign,
  })
  const logged = run.opened.appenders.agent.append('proposal', body, [decision.leafHash])
  await logged.durable
  return { leafHash: logged.leafHash, body }
}

/** An approval on record, whoever gives it. */
async function approve(run: DemoRun, { leafHash, body }: LoggedProposal, by: PrivateKeyAccount): Promise<void> {
  const signature = await by.signTypedData(approvalTypedData(body))
  const answer = { proposal: leafHash, proposalDigest: proposalDigest(body), answer: 'approve' as const, reason: null }
  const approval = { ...answer, signer: by.address.toLowerCase(), signature }
  await run.opened.appenders.approver.append('approval', approval, [leafHash]).durable
}

/** The first second at which a proposal's trade is worse than the policy allows, by the verifier's market. */
async function whenTooDear({ world, marketSource }: TraderWorld, { body }: LoggedProposal): Promise<number> {
  const { policy, devnet } = world
  const trade = body.calls.map(call => decodeCall(call, policy)?.trade ?? null).find(found => found !== null)
  const market = createMarketPort(openSource(marketSource))
  const start = Number((await devnet.client.public.getBlock()).timestamp)
  for (let seconds = 600; trade != null && seconds < 3_600; seconds += 60) {
    const tick = (await market.tickAt(start + seconds)) ?? 0
    const paid = microUsd(policy, trade.sold, trade.amountIn, tick) ?? 0n
    const got = microUsd(policy, trade.bought, trade.atLeast, tick) ?? 0n
    if ((paid - got) * 10_000n > paid * BigInt(policy.limits.maxSlippageBps + 2)) return start + seconds
  }
  throw new Error('the price of this market does not move so far')
}

/** A verdict stands in a log once, however often it is used. */
const loggedOnce = new WeakMap<Verdict, { leafHash: string }>()

/** Sends what a verifier signed, as the executor, with so much gas; puts it on record, and has it audited. Its status. */
async function execute(
  { world }: TraderWorld,
  { run, proposal, verdict, gas }: { run: DemoRun; proposal: LoggedProposal; verdict: Verdict; gas: bigint },
): Promise<string> {
  const account = openExecutorKey(join(world.dir, 'keys/executor.key'))
  const client = world.devnet.client.public
  const accountNonce = await client.getTransactionCount({ address: account.address })
  const rawTransaction = await account.signTransaction({
    ...{ type: 'eip1559', chainId: world.devnet.chain.chainId, nonce: accountNonce, gas },
    ...{ to: proposal.body.module as Hex, data: executeCalldata(proposal.body, [verdict]) },
    ...(await client.estimateFeesPerGas()),
  })
  const { verifier, executor } = run.opened.appenders
  const signed = loggedOnce.get(verdict) ?? verifier.append('verdict', verdict, [proposal.leafHash])
  loggedOnce.set(verdict, signed)
  const submission = executor.append(
    'submission',
    {
      ...{ proposal: proposal.leafHash, verdicts: [signed.leafHash], from: account.address.toLowerCase() },
      ...{ accountNonce, transactionHash: keccak256(rawTransaction), rawTransaction },
    },
    [proposal.leafHash, signed.leafHash],
  )
  await submission.durable
  await client.waitForTransactionReceipt({
    hash: await client.sendRawTransaction({ serializedTransaction: rawTransaction }),
  })
  await run.verifierClient.sync()
  const outcome = await run.verifierClient.outcome(submission.leafHash)
  await verifier.append('outcome', outcome, [submission.leafHash]).durable
  return outcome.status
}

export const VERIFIER_ATTACKS: VerifierAttack[] = [
  {
    name: 'ten parallel proposals that each fit the budget alone',
    refusedBy: 'would exceed the rolling limit',
    without: [{ file: COUNTERS, from: IS_OPEN, to: 'const isOpen = false' }],
    adjustPolicy: withLimits({ perTradeUsd: 2_000, rollingUsd: 2_000, tradesPerHour: 100, cooldownSeconds: 0 }),
    async attempt(setting) {
      const { world, strategy } = setting
      await world.moveMarketTo(0)
      const open: { run: DemoRun; proposal: LoggedProposal }[] = []
      for (let i = 0; i < 10; i++) {
        const run = await world.run(strategy)
        open.push({ run, proposal: await run.treasury.propose(await decide(setting, run)) })
      }
      const verdicts: Verdict[] = []
      for (const { run, proposal } of open) verdicts.push(await ask(run.verifierClient, proposal))
      const signed = verdicts.filter(({ answer }) => answer === 'approve')
      const value = signed.reduce((sum, { valueAtRiskUsd }) => sum + (valueAtRiskUsd ?? 0), 0)
      return value > 2_000 ? 'succeeded' : denials(verdicts.at(-1) as Verdict)
    },
  },
  {
    name: 'a trade that failed for want of gas frees its budget, and is sent again',
    refusedBy: 'would exceed the rolling limit',
    without: [{ file: COUNTERS, from: IS_OPEN, to: `${IS_OPEN} && one.outcome !== 'reverted'` }],
    adjustPolicy: withLimits({ perTradeUsd: 1_500, rollingUsd: 1_500, tradesPerHour: 100, cooldownSeconds: 0 }),
    async attempt(setting) {
      const { world, strategy } = setting
      await world.moveMarketTo(0)
      const [one, two] = [await world.run(strategy), await world.run(strategy)]
      const proposal = await one.treasury.propose(await decide(setting, one))
      const verdict = await ask(one.verifierClient, proposal)
      if (verdict.answer !== 'approve') return `the first: ${denials(verdict)}`
      const failed = await execute(setting, { run: one, proposal, verdict, gas: 150_000n })
      if (failed !== 'reverted') return `the first one: ${failed}`
      const next = await ask(two.verifierClient, await two.treasury.propose(await decide(setting, two)))
      if (next.answer !== 'approve') return denials(next)
      const again = await execute(setting, { run: one, proposal, verdict, gas: 1_500_000n })
      return again === 'success' ? 'succeeded' : `the first one again: ${again}`
    },
  },
  {
    name: 'an executed trade is sent again, fails, and is counted no more',
    refusedBy: 'would exceed the rolling limit',
    // Three things stand in the way: what was executed stays so; what failed counts; and the chain is asked about it again.
    without: [
      {
        file: 'verifier/judge/case.ts',
        from: "if (isThere(one) && outcome !== 'success')",
        to: 'if (isThere(one))',
      },
      { file: COUNTERS, from: '|| used.has(one.leaf)', to: '' },
      { file: COUNTERS, from: IS_OPEN, to: `${IS_OPEN} && one.outcome !== 'reverted'` },
    ],
    adjustPolicy: withLimits({ perTradeUsd: 1_500, rollingUsd: 1_500, tradesPerHour: 100, cooldownSeconds: 0 }),
    async attempt(setting) {
      const { world, strategy } = setting
      await world.moveMarketTo(0)
      const [run, other] = [await world.run(strategy), await world.run(strategy)]
      const proposal = await run.treasury.propose(await decide(setting, run))
      const verdict = await ask(run.verifierClient, proposal)
      if (verdict.answer !== 'approve') return `the first: ${denials(verdict)}`
      for (const status of ['success', 'reverted']) {
        const done = await execute(setting, { run, proposal, verdict, gas: 1_500_000n })
        if (done !== status) return `${done} instead of ${status}`
      }
      const next = await ask(other.verifierClient, await other.treasury.propose(await decide(setting, other)))
      return next.answer === 'approve' ? 'succeeded' : denials(next)
    },
  },
  {
    name: 'one decision, proposed twice under two nonces',
    refusedBy: 'the decision was signed for before',
    without: [
      { file: rule('once'), from: 'counted.find(({ decision })', to: 'counted.slice(0, 0).find(({ decision })' },
    ],
    adjustPolicy: withLimits({ cooldownSeconds: 0 }),
    async attempt(setting) {
      const { world, strategy } = setting
      await world.moveMarketTo(0)
      const run = await world.run(strategy)
      const decision = await decide(setting, run)
      const first = await ask(run.verifierClient, await proposeAs(setting, run, decision, 71n))
      if (first.answer !== 'approve') return `the first: ${denials(first)}`
      const second = await ask(run.verifierClient, await proposeAs(setting, run, decision, 72n))
      return second.answer === 'approve' ? 'succeeded' : denials(second)
    },
  },
  {
    name: 'verifier asked to equivocate: two contents under one nonce',
    refusedBy: 'was signed before',
    without: [
      off(rule('nonce'), 'if (nonceSignedFor !== null)'),
      off(rule('nonce'), 'if (firstWithNonce !== null'),
      off('verifier/service/journal.ts', 'if (known !== undefined'),
    ],
    adjustPolicy: withLimits({ cooldownSeconds: 0 }),
    async attempt(setting) {
      const { world, strategy } = setting
      await world.moveMarketTo(0)
      const [one, two] = [await world.run(strategy), await world.run(strategy)]
      const first = await ask(one.verifierClient, await proposeAs(setting, one, await decide(setting, one), 81n))
      if (first.answer !== 'approve') return `the first: ${denials(first)}`
      const second = await ask(two.verifierClient, await proposeAs(setting, two, await decide(setting, two), 81n))
      return second.answer === 'approve' ? 'succeeded' : denials(second)
    },
  },
  {
    name: 'verifier set back to an old journal, and asked for more',
    refusedBy: 'journal does not reach',
    without: [off(rule('nonce'), 'if (maybeSigned !== null)')],
    adjustPolicy: withLimits({ cooldownSeconds: 0 }),
    async attempt(setting) {
      return afterOldJournal(setting, async (one, two) => [
        await proposeAs(setting, one, await decide(setting, one), 91n),
        () => decide(setting, two).then(decision => proposeAs(setting, two, decision, 92n)),
      ])
    },
  },
  {
    name: 'verifier set back to an old journal, and asked for other contents under the nonce',
    refusedBy: 'belongs to an earlier proposal',
    without: [off(rule('nonce'), 'if (firstWithNonce !== null'), off(rule('nonce'), 'if (maybeSigned !== null)')],
    adjustPolicy: withLimits({ cooldownSeconds: 0 }),
    async attempt(setting) {
      return afterOldJournal(setting, async (one, two) => [
        await proposeAs(setting, one, await decide(setting, one), 91n),
        () => decide(setting, two).then(decision => proposeAs(setting, two, decision, 91n)),
      ])
    },
  },
  {
    name: 'the traded pool pushed in the same block, and a limit far from the oracle',
    refusedBy: 'bps against the oracle',
    without: [off(rule('slippage'), 'if (lostBps > BigInt(maxSlippageBps))')],
    params: { maxSlippageBps: 9_000 },
    async attempt(setting) {
      const { world, strategy } = setting
      await world.moveMarketTo(0)
      // Twice the price for whoever buys.
      await world.devnet.market.moveTo((await poolTick(setting)) - 6_932)
      const run = await world.run(strategy)
      const verdict = await ask(run.verifierClient, await run.treasury.propose(await decide(setting, run)))
      return verdict.answer === 'approve' ? 'succeeded' : denials(verdict)
    },
  },
  {
    name: 'a decision kept back until its prices are old',
    refusedBy: 's old; the policy allows',
    without: [
      off(rule('observedBlock'), 'if (age > maxAgeSeconds)'),
      { file: rule('observedBlock'), from: '|| freshAt - ended > maxAgeSeconds', to: '' },
    ],
    async attempt(setting) {
      const { world, strategy } = setting
      await world.moveMarketTo(0)
      const run = await world.run(strategy)
      const decision = await decide(setting, run)
      const { client } = world.devnet
      await client.setNextTimestamp(Number((await client.public.getBlock()).timestamp) + 400)
      await world.devnet.market.mintDollars(zeroAddress, 1n)
      const verdict = await ask(run.verifierClient, await run.treasury.propose(decision))
      return verdict.answer === 'approve' ? 'succeeded' : denials(verdict)
    },
  },
  {
    name: 'the hours that people have, for what nobody approved',
    refusedBy: 'to what people did not approve',
    without: [
      {
        file: 'verifier/judge/people.ts',
        from: 'isEnough ? approvalSecondsOf(policy) : policy.limits.maxValiditySeconds',
        to: 'approvalSecondsOf(policy)',
      },
    ],
    adjustPolicy: asking(1_000_000),
    async attempt(setting) {
      const { world, strategy } = setting
      await world.moveMarketTo(0)
      const run = await world.run(strategy)
      const verdict = await ask(
        run.verifierClient,
        await proposeAs(setting, run, await decide(setting, run), 61n, HOURS),
      )
      return verdict.answer === 'approve' ? 'succeeded' : denials(verdict)
    },
  },
  {
    name: 'a price that moved while people took their time',
    refusedBy: 'bps against the oracle',
    without: [off(rule('slippage'), 'if (lostBps > BigInt(maxSlippageBps))')],
    // As dear as the policy allows, from the start.
    params: { maxSlippageBps: 99 },
    adjustPolicy: asking(100),
    async attempt(setting) {
      const { world, strategy } = setting
      await world.moveMarketTo(0)
      const run = await world.run(strategy)
      const proposal = await proposeAs(setting, run, await decide(setting, run), 62n, HOURS)
      await approve(run, proposal, APPROVER)
      const { client } = world.devnet
      await client.setNextTimestamp(await whenTooDear(setting, proposal))
      await world.devnet.market.mintDollars(zeroAddress, 1n)
      const verdict = await ask(run.verifierClient, proposal)
      return verdict.answer === 'approve' ? 'succeeded' : denials(verdict)
    },
  },
  {
    name: 'approved by somebody whom the policy does not name',
    refusedBy: 'need 1 approvals, 0 are there',
    without: [{ file: 'verifier/judge/people.ts', from: 'if (!approvers.includes(body.signer)) continue', to: '' }],
    adjustPolicy: asking(100),
    async attempt(setting) {
      const { world, strategy } = setting
      await world.moveMarketTo(0)
      const run = await world.run(strategy)
      const proposal = await run.treasury.propose(await decide(setting, run))
      await approve(run, proposal, privateKeyToAccount(generatePrivateKey()))
      const verdict = await ask(run.verifierClient, proposal)
      return verdict.answer === 'approve' ? 'succeeded' : denials(verdict)
    },
  },
  {
    name: 'unexplained outflow in native coins, inside a call, beside an owners’ transaction',
    refusedBy: 'which no guard allows, executed through the Safe',
    without: [
      { file: 'verifier/audit/completeness.ts', from: 'if (isAllowed === false)', to: 'if (isAllowed === null)' },
    ],
    async attempt(setting) {
      const { world, strategy } = setting
      const { client, chain, asOwners } = world.devnet
      const safe = chain.safe as Hex
      await client.setBalance(safe, 10n ** 18n)
      await world.moveMarketTo(0)
      const run = await world.run(strategy)
      await decide(setting, run)
      const thief = privateKeyToAccount(generatePrivateKey())
      await client.setBalance(thief.address, 10n ** 18n)
      const owners = (functionName: 'setModuleGuard' | 'enableModule', who: Hex) =>
        asOwners(safe, encodeFunctionData({ abi: SAFE_ABI, functionName, args: [who] }))
      await owners('setModuleGuard', zeroAddress)
      await owners('enableModule', thief.address)
      const abi = parseAbi([
        'function execTransactionFromModule(address to, uint256 value, bytes data, uint8 operation) returns (bool)',
      ])
      const args = [thief.address, 10n ** 17n, '0x', 0] as const
      const data = encodeFunctionData({ abi, functionName: 'execTransactionFromModule', args })
      await client.send(thief, { to: safe, data, gas: 500_000n })
      await run.opened.close('the end', 1)
      await world.log.close()
      const { unexplained } = await auditLog({ dir: world.logDir, rpc: world.devnet.url, vkey: world.log.vkey })
      return unexplained.length === 0 ? 'succeeded' : unexplained.map(({ reason }) => reason).join('; ')
    },
  },
]

async function poolTick({ world }: TraderWorld): Promise<number> {
  const abi = parseAbi(['function slot0() view returns (uint160, int24 tick, uint16, uint16, uint16, uint8, bool)'])
  const address = world.devnet.chain.pool.address as Hex
  const [, tick] = await world.devnet.client.public.readContract({ address, abi, functionName: 'slot0' })
  return tick
}

/**
 * The verifier signs a first proposal and the verdict is kept out of the log; then its journal is set back, it starts
 * again, and is asked for a second one.
 */
async function afterOldJournal(
  { world, strategy }: TraderWorld,
  proposals: (one: DemoRun, two: DemoRun) => Promise<[LoggedProposal, () => Promise<LoggedProposal>]>,
): Promise<string> {
  const journal = join(world.dir, 'verifier/journal')
  const backup = `${journal}.backup`
  await world.moveMarketTo(0)
  const [one, two] = [await world.run(strategy), await world.run(strategy)]
  if (existsSync(journal)) copyFileSync(journal, backup)
  const [early, propose] = await proposals(one, two)
  const first = await ask(one.verifierClient, early)
  if (first.answer !== 'approve') return `the first: ${denials(first)}`
  await world.verifier.stop()
  rmSync(journal)
  if (existsSync(backup)) copyFileSync(backup, journal)
  const again: Service = await spawnWarrant(['verifier', '--config', join(world.dir, 'verifier/verifier.yaml')])
  try {
    const client = createVerifierClient({ url: again.ready.url as string, log: world.log, blobs: two.opened.blobs })
    const second = await ask(client, await propose())
    return second.answer === 'approve' ? 'succeeded' : denials(second)
  } finally {
    await again.stop()
  }
}

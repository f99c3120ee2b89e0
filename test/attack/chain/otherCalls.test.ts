import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Hex, keccak256 } from 'viem'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runTick } from '#agents/cycle/runTick.ts'
import { createChainPort } from '#runtime/chain/createChainPort.ts'
import type { LoggedProposal } from '#runtime/chain/createTreasury.ts'
import { executeCalldata } from '#runtime/chain/executor.ts'
import { openExecutorKey } from '#runtime/chain/signer.ts'
import { type AuditReport, auditLog } from '#runtime/cli/lib/auditLog.ts'
import { replayLog } from '#runtime/cli/lib/replayLog.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import type { DemoRun } from '#runtime/demo/demoWorld.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { AGENT } from '#runtime/run/openRun.ts'
import { createRecordChecker } from '#verifier/audit/recordChecker.ts'
import { verifyLog } from '#verifier/audit/verifyLog.ts'
import type { Appended } from '#verifier/evidence/ports/log.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { Decision } from '#verifier/evidence/records/decision.ts'
import type { Outcome } from '#verifier/evidence/records/outcome.ts'
import type { Proposal } from '#verifier/evidence/records/proposal.ts'
import type { Verdict } from '#verifier/evidence/records/verdict.ts'
import { verdictMessage } from '#verifier/evidence/verdictTypes.ts'
import { parseVkey } from '#verifier/log/signedNote.ts'
import { openVerifierKey } from '#verifier/service/key.ts'
import { createTraderWorld, type TraderWorld } from '../../fault/treasury/traderWorld.ts'
import { watchOf } from '../../support/watchedTreasury.ts'

// Whoever holds k verifiers' keys, the executor's and the agent's host: what is logged is honest, what is executed is not.
const dir = mkdtempSync(join(tmpdir(), 'warrant-other-calls-'))
let trader: TraderWorld
let run: DemoRun
let fromBlock: number
/** What each act left, and what the log's checks, an audit and an honest watch say at the end. */
let forged: { transactionHash: string; submission: string }
let hidden: { transactionHash: string }
let honest: Outcome
let lies: Outcome
let refused: Verdict
let findings: string[]
let audit: AuditReport
let told: { reason: string; transactionHash: string | null }[]

async function propose(tick: number): Promise<LoggedProposal> {
  await trader.world.moveMarketTo(tick)
  const decided: Appended[] = []
  const identity = { strategy: trader.strategy.bundle.digest, params: trader.strategy.paramsDigest }
  await runTick(
    {
      agent: AGENT,
      crypto: nodeCrypto,
      log: run.opened.appenders.agent,
      strategy: trader.strategy.sandboxed,
      identity,
      observe: run.observe,
      infer: run.opened.gateway.infer,
      settle: async decision => void decided.push(decision),
      durable: true,
    },
    tick,
  )
  const [decision] = decided
  if (decision === undefined || (decision.record.body as Decision).result.type !== 'intents')
    throw new Error('no trade')
  return run.treasury.propose(decision)
}

/** Signed by the verifier's key under the digest and nonce of `proposal`, whatever `instead` says. */
async function signInstead(proposal: Proposal, verdict: Verdict, instead: Partial<Proposal>): Promise<Hex> {
  const key = openVerifierKey(join(trader.world.dir, 'verifier/verifier.key'))
  const { refBlock, refBlockHash } = verdict
  const validUntil = instead.validUntil ?? verdict.validUntil
  const message = verdictMessage({
    proposal: { ...proposal, ...instead },
    proposalDigest: proposalDigest(proposal),
    refBlock,
    refBlockHash,
    validUntil,
  })
  const signature = await key.signVerdict({ chainId: proposal.chainId, module: proposal.module }, message)
  return executeCalldata({ ...proposal, ...instead }, [{ ...verdict, validUntil, signature }])
}

async function signTransaction(data: Hex, nonce: number, module: string) {
  const account = openExecutorKey(join(trader.world.dir, 'keys/executor.key'))
  const { maxFeePerGas, maxPriorityFeePerGas } = await trader.world.devnet.client.public.estimateFeesPerGas()
  const rawTransaction = await account.signTransaction({
    type: 'eip1559',
    chainId: trader.world.devnet.chain.chainId,
    nonce,
    gas: 1_500_000n,
    to: module as Hex,
    data,
    maxFeePerGas: maxFeePerGas * 2n,
    maxPriorityFeePerGas,
  })
  return { rawTransaction, transactionHash: keccak256(rawTransaction) }
}

const accountNonce = () => {
  const { address } = openExecutorKey(join(trader.world.dir, 'keys/executor.key'))
  return trader.world.devnet.client.public.getTransactionCount({ address })
}
async function send(rawTransaction: Hex): Promise<void> {
  const { public: client } = trader.world.devnet.client
  const hash = await client.sendRawTransaction({ serializedTransaction: rawTransaction })
  const { status } = await client.waitForTransactionReceipt({ hash })
  if (status !== 'success') throw new Error('the attack reverted')
}

async function logSubmission(
  proposal: LoggedProposal,
  verdict: Verdict,
  signed: { rawTransaction: Hex; transactionHash: Hex },
  nonce: number,
) {
  const { verifier, executor } = run.opened.appenders
  const from = openExecutorKey(join(trader.world.dir, 'keys/executor.key')).address.toLowerCase()
  const logged = verifier.append('verdict', verdict, [proposal.leafHash])
  const body = { proposal: proposal.leafHash, verdicts: [logged.leafHash], from, accountNonce: nonce, ...signed }
  const submission = executor.append('submission', body, [proposal.leafHash, logged.leafHash])
  await submission.durable
  return submission.leafHash
}

/** What the same trade says with a much worse least amount: to the attacker's own price. */
const worse = ({ calls, bounds }: Proposal): Partial<Proposal> => ({
  calls: calls.map((call, i) => (i < calls.length - 1 ? call : { ...call, data: withLeast(call.data) })),
  bounds: bounds.map(bound => (BigInt(bound.limit) > 0n ? { ...bound, limit: '1' } : bound)),
})
/** exactInputSingle's seventh word is the least that must come. */
const withLeast = (data: string) => `${data.slice(0, 10 + 64 * 6)}${'1'.padStart(64, '0')}${data.slice(10 + 64 * 7)}`

beforeAll(async () => {
  trader = await createTraderWorld(join(dir, 'world'), '11', 4)
  const { world } = trader
  const chain = createChainPort(world.devnet.url)
  run = await world.run(trader.strategy)
  fromBlock = (await chain.head()).number
  const ask = async (proposal: LoggedProposal) => {
    await run.verifierClient.sync()
    const { verdict, facts } = await run.verifierClient.verdict(proposal.leafHash)
    trader.world.log.putBlob(facts)
    if (verdict.answer !== 'approve') throw new Error(`denied: ${JSON.stringify(verdict.checks)}`)
    return verdict
  }
  const outcomeOf = async (submission: string) => {
    await run.verifierClient.sync()
    return run.verifierClient.outcome(submission)
  }

  // 1. Honest to the end, but for what the verifier's key then says of it.
  const first = await propose(0)
  const fair = await ask(first)
  const nonce1 = await accountNonce()
  const signed1 = await signTransaction(executeCalldata(first.body, [fair]), nonce1, first.body.module)
  const submission1 = await logSubmission(first, fair, signed1, nonce1)
  await send(signed1.rawTransaction)
  honest = await outcomeOf(submission1)
  const { signature: _, ...unsigned } = { ...honest, status: 'reverted' as const, gasUsed: '1' }
  const key = openVerifierKey(join(world.dir, 'verifier/verifier.key'))
  lies = { ...unsigned, signature: await key.signReport('outcome', unsigned) }
  await run.opened.appenders.verifier.append('outcome', lies, [submission1]).durable

  // 2. The log holds the honest transaction, the chain another one of the same account nonce.
  const third = await propose(1)
  const verdict3 = await ask(third)
  const nonce3 = await accountNonce()
  const shown = await signTransaction(executeCalldata(third.body, [verdict3]), nonce3, third.body.module)
  await logSubmission(third, verdict3, shown, nonce3)
  const sent = await signTransaction(
    await signInstead(third.body, verdict3, worse(third.body)),
    nonce3,
    third.body.module,
  )
  await send(sent.rawTransaction)
  hidden = { transactionHash: sent.transactionHash }

  // 3. Other calls under the honest proposal's digest and nonce; the log holds the transaction as it was sent.
  const second = await propose(2)
  const verdict2 = await ask(second)
  const data2 = await signInstead(second.body, verdict2, worse(second.body))
  const nonce2 = await accountNonce()
  const signed2 = await signTransaction(data2, nonce2, second.body.module)
  const submission2 = await logSubmission(second, verdict2, signed2, nonce2)
  await send(signed2.rawTransaction)
  await run.opened.appenders.verifier.append('outcome', await outcomeOf(submission2), [submission2]).durable
  forged = { transactionHash: signed2.transactionHash, submission: submission2 }

  // From here on the verifier signs nothing more.
  const fourth = await propose(3)
  await run.verifierClient.sync()
  refused = (await run.verifierClient.verdict(fourth.leafHash)).verdict

  await run.opened.close('the end', 4)
  await trader.release()
  const records = createRecordChecker(nodeCrypto)
  const key0 = parseVkey(nodeCrypto, world.log.vkey)
  const report = await verifyLog(
    { files: openLogFiles(world.logDir), crypto: nodeCrypto, key: key0 },
    (leaf, _i, all) => {
      const proposal = all.find(leaf, 'proposal')
      if (proposal !== null) logged.set(proposalDigest(proposal.body), proposal)
    },
  )
  findings = report.findings.map(({ where, reason }) => `${where} ${reason}`)
  audit = await auditLog({ dir: world.logDir, rpc: world.devnet.url, vkey: world.log.vkey })
  const block = await chain.block(fromBlock)
  const { watch, alarms } = await watchOf(world, {
    url: world.devnet.url,
    from: { block: fromBlock, hash: block?.hash ?? null, held: {} },
    records: { ...records, proposalOf: digest => logged.get(digest) ?? null },
  })
  await watch.round()
  await watch.round()
  told = alarms
}, 400_000)
const logged = new Map<string, NonNullable<ReturnType<ReturnType<typeof createRecordChecker>['proposalOf']>>>()
afterAll(async () => {
  await trader?.world.close()
  rmSync(dir, { recursive: true })
})

const of = (list: readonly { transactionHash: string | null; reason: string }[], hash: string) =>
  list.filter(({ transactionHash }) => transactionHash === hash).map(({ reason }) => reason)

describe('k verifiers sign other calls under the digest and nonce of a logged, honest proposal', () => {
  test('offline: the logged transaction itself differs, for log verify and for replay', async () => {
    // A submission of what was never mined has no end, which its run's close says.
    const told = findings.filter(finding => !finding.includes('(close)'))
    expect(told).toEqual([expect.stringMatching(/\(submission\) body\.rawTransaction calls\.\d\.data is 0x/)])
    const { world } = trader
    const replayed = await replayLog(world.logDir, { vkey: world.log.vkey })
    const replayedSubmission = replayed.findings.filter(({ where }) => !where.includes('(close)'))
    expect(replayedSubmission.map(({ reason }) => reason)).toEqual([expect.stringMatching(/^calls\.\d\.data is 0x/)])
  })

  test('the verifier that follows the log denies whatever comes after it', () => {
    const failed = refused.checks.find(({ ok }) => ok !== true)
    expect(failed).toMatchObject({ id: 'log', ok: false, detail: expect.stringContaining('calls.1.data is 0x') })
  })

  test('online: the audit reads what was executed, and the verifier’s own outcome says it', () => {
    expect(of(audit.unexplained, forged.transactionHash)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^the module executed other than the logged proposal says: calls\.\d\.data/),
        expect.stringMatching(/^executed: the module executed other than the proposal says: calls\.\d\.data/),
      ]),
    )
  })

  test('where the executed transaction is another than the logged one, it explains nothing', () => {
    expect(of(audit.unexplained, hidden.transactionHash)).toEqual([
      'the module executed something that no proposal in the log explains',
    ])
  })

  test('an honest watch tells both within two rounds', () => {
    for (const hash of [forged.transactionHash, hidden.transactionHash])
      expect(of(told, hash)).toEqual([
        expect.stringMatching(/^the module executed other than the logged proposal says: calls\.\d\.data/),
      ])
    expect(told).toHaveLength(2)
  })
})

describe('an outcome is derived anew', () => {
  test('one that says reverted of a success, and another gas, is found field by field', () => {
    expect(of(audit.unexplained, honest.transactionHash)).toEqual([
      `the outcome's status is "reverted", the chain says "success"`,
      `the outcome's gasUsed is "1", the chain says "${honest.gasUsed}"`,
    ])
    expect(audit.matched).toBe(1)
  })
})

describe('what is audited is pinned', () => {
  test('by --safe and by --policy; a Safe that the log does not have is refused', async () => {
    expect(audit.pinned).toBe(false)
    const { world } = trader
    const decoy = await auditLog({
      dir: world.logDir,
      rpc: world.devnet.url,
      vkey: world.log.vkey,
      safe: world.devnet.chain.safe,
    })
    expect([decoy.pinned, decoy.unexplained.length]).toEqual([true, audit.unexplained.length])
    const file = join(dir, 'policy.yaml')
    writeFileSync(file, JSON.stringify(world.policy))
    const byPolicy = await auditLog({
      dir: world.logDir,
      rpc: world.devnet.url,
      vkey: world.log.vkey,
      policy: file,
      fromBlock,
    })
    expect(byPolicy.unexplained.length).toBe(audit.unexplained.length)
    await expect(
      auditLog({ dir: world.logDir, rpc: world.devnet.url, vkey: world.log.vkey, safe: `0x${'12'.repeat(20)}` }),
    ).rejects.toThrow(/no run of safe 0x1212/)
    await expect(
      auditLog({
        dir: world.logDir,
        rpc: world.devnet.url,
        vkey: world.log.vkey,
        policy: file,
        safe: `0x${'12'.repeat(20)}`,
      }),
    ).rejects.toThrow(/--safe is 0x1212/)
  })
})

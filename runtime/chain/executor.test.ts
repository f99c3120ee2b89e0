import { createPublicClient, type Hex, http, parseTransaction } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Appender } from '#verifier/evidence/ports/log.ts'
import type { Proposal } from '#verifier/evidence/records/proposal.ts'
import type { Submission } from '#verifier/evidence/records/submission.ts'
import type { Verdict } from '#verifier/evidence/records/verdict.ts'
import { createDevClient } from './devnet/devClient.ts'
import { type Anvil, startAnvil } from './devnet/startAnvil.ts'
import { createExecutor } from './executor.ts'
import type { Notice } from './notice.ts'
import { reconcile } from './reconcile.ts'

const account = privateKeyToAccount(`0x${'6b'.repeat(32)}`)
let anvil: Anvil
let node: (method: string, params: unknown[]) => Promise<unknown>
beforeAll(async () => {
  anvil = await startAnvil({ chainId: 31_337, startSeconds: 1_700_000_000 })
  await createDevClient(anvil.url, 31_337).setBalance(account.address, 10n ** 20n)
  const client = createPublicClient({ transport: http(anvil.url) })
  node = (method, params) => client.request({ method, params } as never)
})
afterAll(() => anvil?.stop())

const proposal = {
  leafHash: 'aa'.repeat(32),
  body: {
    ...{ agent: 'a', decision: 'bb'.repeat(32), chainId: 31_337, safe: `0x${'11'.repeat(20)}` },
    ...{ module: `0x${'22'.repeat(20)}`, nonce: '1', calls: [], bounds: [], policyDigest: 'cc'.repeat(32) },
    ...{ executor: account.address.toLowerCase(), validUntil: 2_000_000_000, signature: '' },
  } as unknown as Proposal,
}
const verdict = {
  ...{ proposalDigest: 'dd'.repeat(32), refBlock: 0, refBlockHash: `0x${'00'.repeat(32)}`, validUntil: 2_000_000_000 },
  ...{ signer: `0x${'33'.repeat(20)}`, signature: `0x${'44'.repeat(65)}` },
} as unknown as Verdict

const pause = (ms: number) => new Promise(done => setTimeout(done, ms))

/** What stands in the log, and whether it stood there before the node had it. */
function memoryLog() {
  const submissions: Submission[] = []
  const log = {
    append(_kind: string, body: Submission) {
      submissions.push(body)
      return { leafHash: `${submissions.length}`.repeat(64).slice(0, 64), durable: Promise.resolve() }
    },
  } as unknown as Appender
  return { submissions, log }
}

test('a stuck transaction is replaced by the same calls with higher fees, each on record before it is sent', async () => {
  const { submissions, log } = memoryLog()
  const executor = await createExecutor({ account, url: anvil.url, log, stuckMs: 300 })
  await node('evm_setAutomine', [false])
  const submitted = executor.submit({ proposal, verdicts: [{ leafHash: 'ee'.repeat(32), body: verdict }] })
  while (submissions.length < 3) await new Promise(done => setTimeout(done, 20))
  await node('evm_mine', [])
  const { transactionHash, status } = await submitted
  await node('evm_setAutomine', [true])
  expect(status).toBe('success')
  expect(submissions.map(({ transactionHash: hash }) => hash)).toContain(transactionHash)
  const parsed = submissions.map(({ rawTransaction }) => parseTransaction(rawTransaction as Hex))
  for (const [i, { to, data, nonce, gas, maxFeePerGas = 0n, maxPriorityFeePerGas = 0n }] of parsed.entries()) {
    const before = parsed[i - 1]
    if (before === undefined) continue
    expect({ to, data, nonce, gas }).toEqual({ to: before.to, data: before.data, nonce: before.nonce, gas: before.gas })
    expect(maxFeePerGas).toBeGreaterThan(((before.maxFeePerGas ?? 0n) * 112n) / 100n)
    expect(maxPriorityFeePerGas).toBeGreaterThan(before.maxPriorityFeePerGas ?? 0n)
    expect(submissions[i]?.replaces).toBe(`${i}`.repeat(64))
  }
  // After a crash: the one that was mined, whichever it is.
  const mined = submissions.findIndex(({ transactionHash: hash }) => hash === transactionHash)
  expect(await reconcile(anvil.url, submissions)).toBe(mined)
  // The next one goes on from there.
  const next = await executor.submit({ proposal, verdicts: [{ leafHash: 'ee'.repeat(32), body: verdict }] })
  expect([next.status, submissions.at(-1)?.accountNonce]).toEqual(['success', (parsed[0]?.nonce ?? 0) + 1])
}, 60_000)

test('an account that went on without a submission: it can never be mined', async () => {
  const { submissions, log } = memoryLog()
  const executor = await createExecutor({ account, url: anvil.url, log })
  await executor.submit({ proposal, verdicts: [{ leafHash: 'ee'.repeat(32), body: verdict }] })
  const [done] = submissions as [Submission]
  const other = { ...done, transactionHash: `0x${'77'.repeat(32)}` }
  expect(await reconcile(anvil.url, [other])).toBe(null)
})

test('an account that cannot pay the gas: refused before anything is signed or logged', async () => {
  const { submissions, log } = memoryLog()
  const poor = privateKeyToAccount(`0x${'6c'.repeat(32)}`)
  const executor = await createExecutor({ account: poor, url: anvil.url, log })
  const submitted = executor.submit({ proposal, verdicts: [{ leafHash: 'ee'.repeat(32), body: verdict }] })
  await expect(submitted).rejects.toThrow(/has 0 wei, the transaction may cost \d+: top it up/)
  expect(submissions).toEqual([])
})

test('a reorganisation takes the block away: it is told, the same bytes go out again, and are followed to their depth', async () => {
  const { submissions, log } = memoryLog()
  const executor = await createExecutor({ account, url: anvil.url, log, confirmations: 4 })
  const before = await node('evm_snapshot', [])
  const notices: Notice[] = []
  let isDone = false
  const submitted = executor
    .submit({ proposal, verdicts: [{ leafHash: 'ee'.repeat(32), body: verdict }] }, notice => notices.push(notice))
    .finally(() => {
      isDone = true
    })
  const hash = async () => {
    while (submissions.length === 0) await pause(10)
    return submissions[0]?.transactionHash as Hex
  }
  const blockOf = async () =>
    ((await node('eth_getTransactionReceipt', [await hash()])) as { blockHash: string } | null)?.blockHash ?? null
  while ((await blockOf()) === null) await pause(10)
  const first = await blockOf()
  await node('evm_mine', [])
  await pause(200)
  expect(isDone).toBe(false)
  // Another branch without it, one that got longer; later it is mined there.
  await node('evm_revert', [before])
  await node('anvil_mine', ['0x3'])
  while (notices.length === 0 || (await blockOf()) === null) await pause(10)
  const second = await blockOf()
  expect(second).not.toBe(first)
  await pause(200)
  expect(isDone).toBe(false)
  await node('anvil_mine', ['0x3'])
  expect(await submitted).toMatchObject({ transactionHash: await hash(), status: 'success' })
  expect(submissions.length).toBe(1)
  expect(notices).toMatchObject([
    { what: 'a transaction was reorganised away', reason: expect.stringContaining(String(first)), ends: [] },
  ])
  // The same after a crash.
  const reorgs: unknown[] = []
  const options = { confirmations: 3, onReorg: (reorg: unknown) => reorgs.push(reorg) }
  expect(await reconcile(anvil.url, submissions, options)).toBe(0)
  expect(reorgs).toEqual([])
}, 60_000)

test('agents on one key: each transaction goes out, whoever was faster, and what was in vain is named', async () => {
  const worlds = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const memory = memoryLog()
      return {
        ...memory,
        notices: [] as Notice[],
        executor: await createExecutor({ account, url: anvil.url, log: memory.log, stuckMs: 5_000 }),
      }
    }),
  )
  const verdicts = [{ leafHash: 'ee'.repeat(32), body: verdict }]
  const done = await Promise.all(
    worlds.flatMap(({ executor, notices }, world) =>
      Array.from({ length: 4 }, (_, i) => {
        const own = { ...proposal, body: { ...proposal.body, nonce: String(10 * world + i) } }
        return executor.submit({ proposal: own, verdicts }, notice => notices.push(notice))
      }),
    ),
  )
  expect(new Set(done.map(({ transactionHash }) => transactionHash)).size).toBe(12)
  const client = createPublicClient({ transport: http(anvil.url) })
  for (const { transactionHash } of done)
    expect((await client.getTransactionReceipt({ hash: transactionHash as Hex })).status).toBe('success')
  for (const { submissions, notices } of worlds) {
    const mined = new Set(done.map(({ transactionHash }) => transactionHash))
    const inVain = submissions.filter(({ transactionHash }) => !mined.has(transactionHash))
    expect(notices.flatMap(({ ends }) => ends).length).toBe(inVain.length)
  }
}, 60_000)

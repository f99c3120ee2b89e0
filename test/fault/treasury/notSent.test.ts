import { encodeFunctionData, formatGwei, type Hex, numberToHex, parseAbi, parseTransaction } from 'viem'
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { encodeSwap } from '#agents/build/adapters/uniswapV3.ts'
import { MODULE_ABI } from '#runtime/chain/abi.ts'
import { type Devnet, startDevnet } from '#runtime/chain/devnet/startDevnet.ts'
import { createExecutor } from '#runtime/chain/executor.ts'
import { createGasBudget, type GasPayment } from '#runtime/chain/gasBudget.ts'
import type { Notice } from '#runtime/chain/notice.ts'
import { NotSentError } from '#runtime/chain/notSentError.ts'
import type { Appender } from '#verifier/evidence/ports/log.ts'
import type { Proposal } from '#verifier/evidence/records/proposal.ts'
import type { Submission } from '#verifier/evidence/records/submission.ts'
import type { Verdict } from '#verifier/evidence/records/verdict.ts'
import { VERDICT_TYPES, verdictDomain, verdictMessage } from '#verifier/evidence/verdictTypes.ts'

// What would revert, or cost more than it may, is never sent: nothing is signed, logged or burnt.
const [verifier, executor, other] = ['6d', '6e', '6f'].map(byte => privateKeyToAccount(`0x${byte.repeat(32)}`)) as [
  PrivateKeyAccount,
  PrivateKeyAccount,
  PrivateKeyAccount,
]
const POLICY = 'ab'.repeat(32)
const ETH = 10n ** 18n
let net: Devnet
let node: (method: string, params: unknown[]) => Promise<unknown>
let snapshot: unknown
beforeAll(async () => {
  net = await startDevnet({
    ...{
      startSeconds: Math.floor(Date.now() / 1_000),
      startTick: 200_000,
      verifiers: [verifier.address],
      threshold: 1,
    },
    ...{ executor: executor.address, treasury: { dollars: 10_000n * 10n ** 6n, weth: ETH } },
  })
  await net.setPolicy(POLICY)
  node = (method, params) => net.client.public.request({ method, params } as never)
}, 60_000)
afterAll(() => net?.stop())
beforeEach(async () => {
  snapshot = await node('evm_snapshot', [])
})
afterEach(() => node('evm_revert', [snapshot]))

/** A swap of dollars that a verifier signed. */
async function signed(changes: Partial<Proposal> = {}, validSeconds = 600) {
  const block = await net.client.public.getBlock()
  const validUntil = Number(block.timestamp) + validSeconds
  const calls = encodeSwap(
    { type: 'swap', sell: 'USDC', buy: 'WETH', amountIn: '1000000000', minBuy: '1' },
    net.chain,
    validUntil,
  )
  const body = {
    ...{ agent: 'a', decision: 'bb'.repeat(32), chainId: net.chain.chainId, safe: net.chain.safe, nonce: '1', calls },
    ...{ module: net.chain.module, policyDigest: POLICY, executor: executor.address.toLowerCase(), validUntil },
    bounds: [
      { kind: 0, target: net.market.dollar, id: '0', limit: '-1000000000' },
      { kind: 0, target: net.market.weth, id: '0', limit: '1' },
    ],
    signature: '',
    ...changes,
  } as unknown as Proposal
  const reference = { refBlock: Number(block.number), refBlockHash: String(block.hash) }
  const about = { proposalDigest: 'dd'.repeat(32), ...reference, validUntil: body.validUntil }
  const signature = await verifier.signTypedData({
    domain: verdictDomain(body.chainId, body.module),
    types: VERDICT_TYPES,
    primaryType: 'Verdict',
    message: verdictMessage({ proposal: body, ...about }),
  })
  const verdict = { ...about, signer: verifier.address.toLowerCase(), signature } as unknown as Verdict
  return { proposal: { leafHash: 'aa'.repeat(32), body }, verdicts: [{ leafHash: 'ee'.repeat(32), body: verdict }] }
}

async function world(ceiling?: { perTransactionWei: bigint; perDayWei: bigint }, paid: GasPayment[] = []) {
  const submissions: Submission[] = []
  const log = {
    append(_kind: string, body: Submission) {
      submissions.push(body)
      return { leafHash: String(submissions.length).repeat(64).slice(0, 64), durable: Promise.resolve() }
    },
  } as unknown as Appender
  const budget = ceiling && createGasBudget({ ceiling, paid, nowMs: () => Date.now() })
  const made = await createExecutor({
    ...{ account: executor, url: net.url, log, stuckMs: 200, tokens: net.chain.tokens },
    ...(budget === undefined ? {} : { budget }),
  })
  return { executor: made, submissions }
}

const spent = async () => [
  await net.client.public.getBalance({ address: executor.address }),
  await net.client.public.getTransactionCount({ address: executor.address, blockTag: 'pending' }),
]
const configure = (functionName: string, args: unknown[] = []) =>
  net.asOwners(net.chain.module, encodeFunctionData({ abi: MODULE_ABI, functionName, args } as never))

async function isNotSent(work: Promise<unknown>, kind: string, words: RegExp) {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(NotSentError)
  const { refusal } = error as NotSentError
  expect(refusal).toMatchObject({ kind, words: expect.stringMatching(words) })
  return refusal
}

test.each<[what: string, change: () => Promise<unknown>, kind: string, words: RegExp, isStanding: boolean]>([
  [
    'another policy is in force',
    () => net.setPolicy('cd'.repeat(32)),
    'PolicyChanged',
    /policy in force is 0xcdcd/,
    true,
  ],
  ['the module is paused', () => configure('pause'), 'Paused', /only its owners resume it/, true],
  [
    'the Safe has disabled the module',
    () =>
      net.asOwners(
        net.chain.safe,
        encodeFunctionData({
          abi: parseAbi(['function disableModule(address previous, address module)']),
          args: [`0x${'0'.repeat(39)}1`, net.chain.module as Hex],
        }),
      ),
    'Error',
    /the Safe has not enabled the module/,
    true,
  ],
  [
    'the verifier was rotated out',
    () => configure('setVerifiers', [[other.address], 1n]),
    'NotAVerifier',
    new RegExp(`${verifier.address} signed, and is no verifier`),
    true,
  ],
  [
    'the cap is used up',
    () => configure('setCap', [net.market.dollar, 999_000_000n, 3_600]),
    'CapExceeded',
    /1000 USDC would leave, the owners' cap has 999 USDC left/,
    false,
  ],
])(
  '%s: nothing is signed, sent or paid, and the reason is in words',
  async (_what, change, kind, words, isStanding) => {
    await change()
    const before = await spent()
    const { executor: sender, submissions } = await world()
    const refusal = await isNotSent(sender.submit(await signed()), kind, words)
    expect(refusal.isStanding).toBe(isStanding)
    expect([submissions, await spent()]).toEqual([[], before])
  },
  60_000,
)

test('executed once, the same nonce is not sent again; the module itself had said yes before', async () => {
  const { executor: sender, submissions } = await world()
  expect(await sender.submit(await signed())).toMatchObject({ status: 'success' })
  const before = await spent()
  await isNotSent(sender.submit(await signed()), 'NonceUsed', /nonce 1 is used/)
  expect([submissions.length, await spent()]).toEqual([1, before])
}, 60_000)

test('gas beyond the ceiling of one transaction, or of the day, is refused before it is signed; a restart forgets nothing', async () => {
  const perTransactionWei = ETH / 50n
  const ceiling = { perTransactionWei, perDayWei: ETH / 10n }
  // 2,001 gwei: what cost 0.74 ETH for one transaction.
  await node('anvil_setNextBlockBaseFeePerGas', [numberToHex(2_001n * 10n ** 9n)])
  await node('evm_mine', [])
  const before = await spent()
  const dear = await world(ceiling)
  await isNotSent(dear.executor.submit(await signed()), 'GasCeiling', /costs too much: up to .* allows 0\.02 native/)
  expect([dear.submissions, await spent()]).toEqual([[], before])

  await node('anvil_setNextBlockBaseFeePerGas', [numberToHex(10n ** 9n)])
  await node('evm_mine', [])
  const cheap = await world(ceiling)
  await cheap.executor.submit(await signed())
  const { gas = 0n, maxFeePerGas = 0n } = parseTransaction(cheap.submissions[0]?.rawTransaction as Hex)
  expect(gas * maxFeePerGas).toBeLessThanOrEqual(perTransactionWei)

  const hourAgo = Date.now() - 3_600_000
  const tired = await world(ceiling, [{ atMs: hourAgo, wei: ETH / 10n }])
  await isNotSent(
    tired.executor.submit(await signed({ nonce: '2' })),
    'GasCeiling',
    /0\.1 of 0\.1 native coins in 24 hours/,
  )
  const rested = await world(ceiling, [{ atMs: Date.now() - 25 * 3_600_000, wei: ETH / 10n }])
  expect(await rested.executor.submit(await signed({ nonce: '2' }))).toMatchObject({ status: 'success' })
}, 60_000)

test('a stuck transaction is replaced up to the ceiling and no further, which is told', async () => {
  await node('anvil_setNextBlockBaseFeePerGas', [numberToHex(10n ** 9n)])
  await node('evm_mine', [])
  const gasPrice = await net.client.public.getGasPrice()
  const perTransactionWei = 900_000n * gasPrice * 3n
  const { executor: sender, submissions } = await world({ perTransactionWei, perDayWei: ETH })
  await node('evm_setAutomine', [false])
  const notices: Notice[] = []
  const submitted = sender.submit(await signed(), notice => notices.push(notice))
  while (notices.length === 0) await new Promise(done => setTimeout(done, 20))
  await node('evm_setAutomine', [true])
  await node('evm_mine', [])
  expect(await submitted).toMatchObject({ status: 'success' })
  expect(notices).toMatchObject([{ what: 'a transaction is stuck below the gas ceiling', ends: [] }])
  for (const { rawTransaction } of submissions) {
    const { gas = 0n, maxFeePerGas = 0n } = parseTransaction(rawTransaction as Hex)
    expect(gas * maxFeePerGas, formatGwei(maxFeePerGas)).toBeLessThanOrEqual(perTransactionWei)
  }
}, 60_000)

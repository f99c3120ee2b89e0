import {
  createPublicClient,
  encodeDeployData,
  encodeFunctionData,
  type Hex,
  http,
  type LocalAccount,
  type PublicClient,
  parseAbi,
  toHex,
  zeroAddress,
} from 'viem'
import { encodeSwap } from '#agents/build/adapters/uniswapV3.ts'
import type { TreasuryConfig } from '#config/treasuryConfig.ts'
import { NO_APPROVALS } from '#verifier/evidence/approvalTypes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { VERDICT_TYPES, type VerdictMessage, verdictDomain } from '#verifier/evidence/verdictTypes.ts'
import { type Policy, policyDigest } from '#verifier/policy/policy.ts'
import { ERC20_ABI, MODULE_ABI } from '../abi.ts'
import { type Artifact, ownArtifact } from '../artifacts.ts'
import { revertReason } from '../revertReason.ts'
import { throwawayAccount } from '../signer.ts'
import { waitForReceipt } from '../waitForReceipt.ts'
import { type OwnersTransaction, planAdoption } from './planAdoption.ts'
import { readStanding } from './readStanding.ts'
import { readSafe } from './safeState.ts'

/** One step of a rehearsal, and whether it went as it must. */
export type RehearsalStep = { what: string; ok: boolean; detail: string }

const SAFE_ABI = parseAbi([
  'function isModuleEnabled(address module) view returns (bool)',
  'function execTransactionFromModule(address to, uint256 value, bytes data, uint8 operation) returns (bool)',
  'error ModuleDenied(address module)',
])
const VALID_SECONDS = 3_600n

/**
 * The whole adoption and a first trade, on an anvil that has the treasury's chain (a fork of it, or a devnet): module and
 * guard deployed anew with keys of the rehearsal in place of the verifiers', every transaction of the plan made as the
 * Safe, one trade by verdict, what must be refused, and the owners' way out. Afterwards the chain is as it was.
 *
 * @throws BAD_INPUT when the node is no anvil, or the Safe holds nothing to trade
 */
export async function rehearse(rpc: string, real: Policy, config: TreasuryConfig): Promise<RehearsalStep[]> {
  const client: PublicClient = createPublicClient({ transport: http(rpc, { timeout: 60_000 }), cacheTime: 0 })
  const node = (method: string, params: unknown[]) => client.request({ method, params } as never) as Promise<unknown>
  const chainId = await client.getChainId()
  if (chainId !== real.chainId)
    throw new WarrantError('BAD_INPUT', `${rpc} is chain ${chainId}, the policy is for ${real.chainId}`)
  if (!/anvil/i.test(String(await node('web3_clientVersion', []))))
    throw new WarrantError('BAD_INPUT', `${rpc} is no anvil: a rehearsal acts as the Safe, on a fork or a devnet`)
  await readSafe(client, real.safe)
  const snapshot = await node('evm_snapshot', [])
  try {
    return await run({ client, node, real, config, chainId })
  } finally {
    await node('evm_revert', [snapshot])
  }
}

type Setting = {
  client: PublicClient
  node(method: string, params: unknown[]): Promise<unknown>
  real: Policy
  config: TreasuryConfig
  chainId: number
}

async function run({ client, node, real, config, chainId }: Setting): Promise<RehearsalStep[]> {
  const steps: RehearsalStep[] = []
  const step = async (what: string, work: () => Promise<string>) => {
    const detail = await work().then(
      text => ({ ok: true, text }),
      error => ({ ok: false, text: revertReason(error, MODULE_ABI) }),
    )
    steps.push({ what, ok: detail.ok, detail: detail.text })
    return detail.ok
  }
  const account = async (): Promise<LocalAccount> => {
    const made = throwawayAccount()
    await node('anvil_setBalance', [made.address, toHex(10n ** 20n)])
    return made
  }
  const [deployer, executor, stranger] = [await account(), await account(), await account()]
  const verifiers = (await Promise.all(config.verifiers.map(account))).sort((a, b) =>
    a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1,
  )
  async function send(from: LocalAccount, to: Hex | null, data: Hex) {
    // Refused ones fail here, with their reason.
    await client.call({ account: from.address, data, ...(to === null ? {} : { to }) })
    const { maxFeePerGas, maxPriorityFeePerGas } = await client.estimateFeesPerGas()
    const serializedTransaction = await from.signTransaction({
      type: 'eip1559',
      chainId,
      nonce: await client.getTransactionCount({ address: from.address }),
      ...(to === null ? {} : { to }),
      data,
      gas: 8_000_000n,
      maxFeePerGas: maxFeePerGas * 2n,
      maxPriorityFeePerGas,
    })
    const receipt = await waitForReceipt(client, await client.sendRawTransaction({ serializedTransaction }))
    if (receipt.status !== 'success') throw new WarrantError('CHAIN_FAILED', 'the transaction reverted')
    return receipt
  }
  const deploy = async ({ abi, bytecode }: Artifact, args: unknown[]): Promise<Hex> =>
    (await send(deployer, null, encodeDeployData({ abi, bytecode, args }))).contractAddress as Hex
  const safe = real.safe as Hex
  /** As if the owners had signed: the node lets the Safe itself send. */
  async function asSafe(to: string, data: Hex): Promise<void> {
    await node('anvil_setBalance', [safe, toHex((await client.getBalance({ address: safe })) + 10n ** 18n)])
    await node('anvil_impersonateAccount', [safe])
    const hash = (await node('eth_sendTransaction', [{ from: safe, to, data, gas: toHex(2_000_000) }])) as Hex
    const receipt = await waitForReceipt(client, hash)
    await node('anvil_stopImpersonatingAccount', [safe])
    if (receipt.status !== 'success') throw new WarrantError('CHAIN_FAILED', 'it reverted')
  }

  let policy = real
  let rehearsed = config
  await step('deploy module and guard', async () => {
    const addresses = verifiers.map(({ address }) => address)
    const zero = `0x${'00'.repeat(32)}`
    const args = [safe, addresses, BigInt(config.threshold), zero, config.guardian]
    const module = (await deploy(ownArtifact('WarrantModule'), args)).toLowerCase()
    policy = { ...real, module }
    const guard =
      config.guard === null ? null : (await deploy(ownArtifact('WarrantGuard'), [safe, module])).toLowerCase()
    // The rehearsal's own keys are the verifiers: what they may sign is the same.
    rehearsed = { ...config, guard, verifiers: addresses.map(address => address.toLowerCase()) }
    return `${module}, with ${config.threshold} of ${addresses.length} keys of this rehearsal`
  })
  const module = policy.module as Hex
  const standingNow = () => readStanding(client, policy, rehearsed)
  let plan: OwnersTransaction[] = []
  await step('plan from what stands on the chain', async () => {
    plan = planAdoption(policy, rehearsed, await standingNow())
    return `${plan.length} transactions`
  })
  for (const { to, data, words } of plan) await step(`owners: ${words}`, () => asSafe(to, data).then(() => 'done'))
  await step('planned again, there is nothing left to sign', async () => {
    const [left] = planAdoption(policy, rehearsed, await standingNow())
    if (left !== undefined) throw new WarrantError('REFUSED', left.words)
    return 'nothing'
  })
  await step('the Safe has enabled the module', async () => {
    const args = [module] as const
    if (!(await client.readContract({ address: safe, abi: SAFE_ABI, functionName: 'isModuleEnabled', args })))
      throw new WarrantError('REFUSED', 'it has not')
    return 'yes'
  })

  const trade = await firstTrade(client, policy)
  const verdict = async (changes: Partial<VerdictMessage> = {}): Promise<VerdictMessage> => {
    const block = await client.getBlock()
    return {
      safe,
      nonce: 1n,
      calls: trade.calls,
      bounds: trade.bounds,
      proposalDigest: `0x${'cd'.repeat(32)}`,
      policyDigest: `0x${policyDigest(policy)}`,
      executor: executor.address,
      refBlock: block.number - 1n,
      refBlockHash: block.parentHash,
      validUntil: block.timestamp + VALID_SECONDS,
      ...changes,
    }
  }
  async function execute(message: VerdictMessage, signers: readonly LocalAccount[]) {
    const typed = {
      domain: verdictDomain(chainId, module),
      types: VERDICT_TYPES,
      primaryType: 'Verdict' as const,
      message,
    }
    const signatures = await Promise.all(signers.map(signer => signer.signTypedData(typed)))
    return send(
      executor,
      module,
      encodeFunctionData({ abi: MODULE_ABI, functionName: 'execute', args: [message, signatures, NO_APPROVALS] }),
    )
  }
  const quorum = verifiers.slice(0, config.threshold)
  await step(`first trade: ${trade.words}`, async () => {
    const { gasUsed } = await execute(await verdict(), quorum)
    return `${gasUsed} gas`
  })
  const refused = (what: string, work: () => Promise<unknown>) =>
    step(`refused: ${what}`, () =>
      work().then(
        () => Promise.reject(new WarrantError('REFUSED', 'it went through')),
        error => revertReason(error, MODULE_ABI),
      ),
    )
  await refused('the same verdict again', async () => execute(await verdict(), quorum))
  await refused('a trade without a verdict', async () => execute(await verdict({ nonce: 2n }), []))
  const pay = encodeFunctionData({ abi: ERC20_ABI, functionName: 'transfer', args: [stranger.address, 1n] })
  await refused('a payment to a stranger that verifiers signed', async () =>
    execute(
      await verdict({
        nonce: 3n,
        calls: [{ to: trade.sell, value: 0n, data: pay }],
        bounds: [{ kind: 0, target: trade.sell, id: 0n, limit: -1n }],
      }),
      quorum,
    ),
  )
  if (rehearsed.guard !== null) {
    const enable = encodeFunctionData({
      abi: parseAbi(['function enableModule(address module)']),
      functionName: 'enableModule',
      args: [stranger.address],
    })
    await step('owners: enable another module, which the guard must deny', () =>
      asSafe(safe, enable).then(() => 'done'),
    )
    const args = [trade.sell, 0n, pay, 0] as const
    await refused('another module', () =>
      send(stranger, safe, encodeFunctionData({ abi: SAFE_ABI, functionName: 'execTransactionFromModule', args })),
    )
  }
  await step('the owners still move their money, past module and guard', () =>
    asSafe(trade.sell, pay).then(() => `1 base unit of ${trade.sell}`),
  )
  return steps
}

/** A small swap on the policy's first pool, of a token that the Safe holds. */
async function firstTrade(client: Setting['client'], policy: Policy) {
  const [market] = policy.uniswapV3
  if (market === undefined)
    throw new WarrantError('BAD_INPUT', 'the policy allows no pool: there is nothing to rehearse')
  const balanceOf = (token: string) =>
    client.readContract({
      address: token as Hex,
      abi: ERC20_ABI,
      functionName: 'balanceOf',
      args: [policy.safe as Hex],
    })
  for (const [sell, buy] of [
    [market.token0, market.token1],
    [market.token1, market.token0],
  ] as const) {
    const amountIn = (await balanceOf(sell)) / 1_000n
    const [from, to] = [sell, buy].map(address => policy.tokens.find(token => token.address === address))
    if (amountIn === 0n || from === undefined || to === undefined) continue
    const { timestamp } = await client.getBlock()
    const { router, pool, token0, token1, feePips } = market
    const calls = encodeSwap(
      { type: 'swap', sell: from.symbol, buy: to.symbol, amountIn: String(amountIn), minBuy: '1' },
      {
        ...{ chainId: policy.chainId, safe: policy.safe, module: policy.module, guard: zeroAddress, router },
        ...{ pool: { address: pool, token0, token1, feePips }, tokens: policy.tokens },
      },
      Number(timestamp + VALID_SECONDS),
    )
    return {
      sell: sell as Hex,
      words: `${Number(amountIn) / 10 ** from.decimals} ${from.symbol} for ${to.symbol}`,
      calls: calls.map(call => ({ to: call.to as Hex, value: BigInt(call.value), data: call.data as Hex })),
      bounds: [
        { kind: 0, target: sell as Hex, id: 0n, limit: -amountIn },
        { kind: 0, target: buy as Hex, id: 0n, limit: 1n },
      ],
    }
  }
  throw new WarrantError('BAD_INPUT', `the Safe ${policy.safe} holds nothing that the policy's pool trades`)
}

import { encodeFunctionData, type Hex, zeroAddress } from 'viem'
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import { encodeApprove } from '#agents/build/adapters/erc20.ts'
import { encodeSwap } from '#agents/build/adapters/uniswapV3.ts'
import { ERC20_ABI, MODULE_ABI } from '#runtime/chain/abi.ts'
import { createSafe, SAFE_ABI } from '#runtime/chain/devnet/deploySafe.ts'
import { type Devnet, startDevnet } from '#runtime/chain/devnet/startDevnet.ts'
import { waitForReceipt } from '#runtime/chain/waitForReceipt.ts'
import { NO_APPROVALS } from '#verifier/evidence/approvalTypes.ts'
import { VERDICT_TYPES, type VerdictMessage, verdictDomain } from '#verifier/evidence/verdictTypes.ts'
import { setUpRoles } from './rolesV2.ts'

/** Gas of whole transactions, each one Uniswap v3 swap, in a steady state: no slot goes from or to zero. */
export type SwapGas = {
  /** Through the module: standing router allowance, one verifier, two bounds, a cap, an asset list of three. */
  module: number
  /** The same with approve and swap in one batch, the allowance used up. */
  moduleWithApproval: number
  /** What a second and a third verifier add, each. */
  extraVerifier: number
  /** A plain Safe with one owner and a standing allowance, no module. */
  plainSafe: number
  /** Zodiac Roles v2 on such a Safe: target, function and recipient pinned, an allowance for the amount. No verdict, no bounds. */
  rolesV2: number
}

const key = (i: number) => privateKeyToAccount(`0x${i.toString(16).padStart(64, '1')}`)
const POLICY = 'ab'.repeat(32)
const DAY = 86_400

/** Measures on a fresh devnet with the real Safe 1.5 and Uniswap v3. Deterministic but for the zero bytes of a block hash. */
export async function measureSwapGas(): Promise<SwapGas> {
  const verifiers = [key(1), key(2), key(3)].sort((a, b) =>
    a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1,
  )
  const executor = key(9)
  const net = await startDevnet({
    startSeconds: 1_700_000_000,
    startTick: 200_000,
    verifiers: [verifiers[0]?.address.toLowerCase() as string],
    threshold: 1,
    executor: executor.address,
    treasury: { dollars: 100_000n * 10n ** 6n, weth: 10n * 10n ** 18n },
  })
  try {
    return await measure(net, verifiers, executor)
  } finally {
    await net.stop()
  }
}

async function measure(net: Devnet, verifiers: PrivateKeyAccount[], executor: PrivateKeyAccount): Promise<SwapGas> {
  const { dollar, weth, router } = net.market
  const module = net.chain.module as Hex
  await net.setPolicy(POLICY)
  const configure = (functionName: 'setAssets' | 'setCap' | 'setSpender' | 'setVerifiers', args: unknown[]) =>
    net.asOwners(module, encodeFunctionData({ abi: MODULE_ABI, functionName, args } as never))
  await configure('setAssets', [[zeroAddress, dollar, weth]])
  await configure('setCap', [dollar, 50_000n * 10n ** 6n, DAY])
  await configure('setSpender', [dollar, router, 1])

  const [approve, swap] = encodeSwap(
    { type: 'swap', sell: 'USDC', buy: 'WETH', amountIn: '1000000000', minBuy: '1' },
    net.chain,
    2_000_000_000,
  ).map(call => ({ to: call.to as Hex, value: BigInt(call.value), data: call.data as Hex }))
  if (approve === undefined || swap === undefined) throw new Error('a swap is two calls')
  // Nonces of one bitmap word: the first of a word costs what the others do not.
  let nonce = 1n << 8n
  let seconds = Number((await net.client.public.getBlock()).timestamp) + 100
  async function send(from: PrivateKeyAccount, to: Hex, data: Hex): Promise<number> {
    // A block of its own time for each, twelve seconds apart: what a swap costs depends on it.
    seconds += 12
    await net.client.setNextTimestamp(seconds)
    const { maxFeePerGas } = await net.client.public.estimateFeesPerGas()
    const serializedTransaction = await from.signTransaction({
      type: 'eip1559',
      chainId: net.chain.chainId,
      nonce: await net.client.public.getTransactionCount({ address: from.address }),
      to,
      data,
      gas: 2_000_000n,
      maxFeePerGas: maxFeePerGas * 2n,
      maxPriorityFeePerGas: 1n,
    })
    const receipt = await waitForReceipt(
      net.client.public,
      await net.client.public.sendRawTransaction({ serializedTransaction }),
    )
    if (receipt.status !== 'success') throw new Error('a transaction of the bench reverted')
    return Number(receipt.gasUsed)
  }
  async function execute(calls: VerdictMessage['calls'], signers: number): Promise<number> {
    const block = await net.client.public.getBlock()
    const message: VerdictMessage = {
      safe: net.chain.safe as Hex,
      nonce: nonce++,
      calls,
      bounds: [
        { kind: 0, target: dollar, id: 0n, limit: -1_000_000_000n },
        { kind: 0, target: weth, id: 0n, limit: 1n },
      ],
      proposalDigest: `0x${'cd'.repeat(32)}`,
      policyDigest: `0x${POLICY}`,
      executor: executor.address,
      refBlock: block.number - 1n,
      refBlockHash: block.parentHash,
      validUntil: 2_000_000_000n,
    }
    const typed = {
      domain: verdictDomain(net.chain.chainId, module),
      types: VERDICT_TYPES,
      primaryType: 'Verdict' as const,
      message,
    }
    const signatures = await Promise.all(verifiers.slice(0, signers).map(verifier => verifier.signTypedData(typed)))
    return send(
      executor,
      module,
      encodeFunctionData({ abi: MODULE_ABI, functionName: 'execute', args: [message, signatures, NO_APPROVALS] }),
    )
  }

  // The first ones pay for slots that were never used.
  await execute([approve, swap], 1)
  const moduleWithApproval = await execute([approve, swap], 1)
  await configure('setSpender', [dollar, router, 2])
  const standing = encodeApprove(dollar, router, 10n ** 15n)
  await execute([{ to: standing.to as Hex, value: 0n, data: standing.data as Hex }, swap], 1)
  await execute([swap], 1)
  const one = await execute([swap], 1)
  const withVerifiers = async (count: number) => {
    await configure('setVerifiers', [verifiers.slice(0, count).map(v => v.address), BigInt(count)])
    await execute([swap], count)
    return execute([swap], count)
  }
  const three = await withVerifiers(3)

  // Beside it: a Safe with one owner that swaps by its own signature.
  const owner = key(20)
  const safe = await createSafe(net.client, net.deployer, net.safeContracts, {
    owners: [owner.address],
    threshold: 1,
    salt: 99n,
  })
  await net.client.setBalance(owner.address, 10n ** 19n)
  await net.market.mintDollars(safe, 50_000n * 10n ** 6n)
  await net.market.mintWeth(safe, 10n ** 18n)
  const bySafe = async (to: Hex, data: Hex): Promise<number> => {
    const { public: client } = net.client
    const safeNonce = await client.readContract({ address: safe, abi: SAFE_ABI, functionName: 'nonce' })
    const args = [to, 0n, data, 0, 0n, 0n, 0n, zeroAddress, zeroAddress] as const
    const hash = await client.readContract({
      address: safe,
      abi: SAFE_ABI,
      functionName: 'getTransactionHash',
      args: [...args, safeNonce],
    })
    const signature = await owner.sign({ hash })
    return send(
      owner,
      safe,
      encodeFunctionData({ abi: SAFE_ABI, functionName: 'execTransaction', args: [...args, signature] }),
    )
  }
  await bySafe(dollar, encodeFunctionData({ abi: ERC20_ABI, functionName: 'approve', args: [router, 10n ** 15n] }))
  const own = encodeSwap(
    { type: 'swap', sell: 'USDC', buy: 'WETH', amountIn: '1000000000', minBuy: '1' },
    { ...net.chain, safe },
    2_000_000_000,
  )[1]
  if (own === undefined) throw new Error('a swap is two calls')
  await bySafe(own.to as Hex, own.data as Hex)
  const plainSafe = await bySafe(own.to as Hex, own.data as Hex)

  const { roles, byRole } = await setUpRoles(net, { safe, member: executor.address, owner, send })
  await bySafe(safe, encodeFunctionData({ abi: SAFE_ABI, functionName: 'enableModule', args: [roles] }))
  const swapByRole = () => send(executor, roles, byRole(own.to as Hex, own.data as Hex))
  await swapByRole()
  const rolesV2 = await swapByRole()
  return { module: one, moduleWithApproval, extraVerifier: Math.round((three - one) / 2), plainSafe, rolesV2 }
}

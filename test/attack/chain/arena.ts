import { type Abi, encodeFunctionData, type Hex, type PrivateKeyAccount, toFunctionSelector, zeroAddress } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { encodeSwap } from '#agents/build/adapters/uniswapV3.ts'
import { ERC20_ABI, MODULE_ABI } from '#runtime/chain/abi.ts'
import { type Artifact, packageArtifact } from '#runtime/chain/artifacts.ts'
import { createSafe, execAsOwners, SAFE_ABI } from '#runtime/chain/devnet/deploySafe.ts'
import type { Devnet } from '#runtime/chain/devnet/startDevnet.ts'
import { revertReason } from '#runtime/chain/revertReason.ts'
import { APPROVAL_TYPES, type ApprovalMessage } from '#verifier/evidence/approvalTypes.ts'
import { VERDICT_TYPES, type VerdictMessage, verdictDomain } from '#verifier/evidence/verdictTypes.ts'

/** Exchange.trade, whose fifth word is who is paid. */
const TRADE = toFunctionSelector('trade(address,address,uint256,uint256,address)')
const account = (i: number) => privateKeyToAccount(`0x${i.toString(16).padStart(64, '7')}`)
/** Ascending by address, as the module wants them. */
export const VERIFIERS = [account(1), account(2), account(3), account(4)].sort((a, b) =>
  a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1,
) as [PrivateKeyAccount, PrivateKeyAccount, PrivateKeyAccount, PrivateKeyAccount]
export const EXECUTOR = account(10)
export const ATTACKER = account(11)
export const APPROVER = account(12)
export const POLICY: Hex = `0x${'ab'.repeat(32)}`
export const SWAP_IN = 1_000_000_000n
/** Valid until then, whatever is signed. */
export const LATE = 2_000_000_000n

export type Call = VerdictMessage['calls'][number]
export type Bound = VerdictMessage['bounds'][number]
type Owner =
  | 'setAssets'
  | 'setVerifiers'
  | 'setApprovers'
  | 'setApprovalLimit'
  | 'setVerifierLimit'
  | 'setCap'
  | 'setRule'
  | 'setPayee'
  | 'setSpender'

/** A treasury of its own on a shared chain, under contracts that may lack a defence. */
export type Arena = Awaited<ReturnType<typeof createArena>>

let salt = 1_000n

/** A 2-of-3 Safe with dollars, WETH and a hostile token, module and guard from `artifact`, one verifier, rules for swaps. */
export async function createArena(net: Devnet, artifact: (name: string) => Artifact) {
  const { client, deployer, guardian, owners, market } = net
  const { dollar, weth, router } = market
  const safe = await createSafe(client, deployer, net.safeContracts, {
    owners: owners.map(owner => owner.address),
    threshold: 2,
    salt: salt++,
  })
  const [first] = VERIFIERS
  const module = await client.deploy(deployer, artifact('WarrantModule'), [
    safe,
    [first.address],
    1n,
    POLICY,
    guardian.address,
  ])
  const guard = await client.deploy(deployer, artifact('WarrantGuard'), [safe, module])
  const evil = await client.deploy(deployer, artifact('HostileToken'), [])
  const exchange = await client.deploy(deployer, artifact('Exchange'), [])
  const asOwners = (to: Hex, data: Hex) => execAsOwners(client, owners.slice(0, 2), safe, to, data)
  const configure = (functionName: Owner, args: readonly unknown[]) =>
    asOwners(module, encodeFunctionData({ abi: MODULE_ABI, functionName, args } as never))
  const allow = (target: Hex, selector: Hex, recipientWord = 0, { maxValue = 0n, amountWord = 0 } = {}) =>
    configure('setRule', [target, selector, { allowed: true, recipientWord, amountWord, maxValue }])
  const abiOf = (name: string): Abi => artifact(name).abi

  await allow(router, '0x414bf389', 4)
  for (const token of [dollar, weth, evil]) await allow(token, '0x095ea7b3')
  await allow(exchange, TRADE, 5)
  await configure('setAssets', [[zeroAddress, dollar, weth, evil]])
  // As a plan does: these take from nobody but their caller.
  for (const token of [dollar, weth])
    for (const spender of [router, exchange]) await configure('setSpender', [token, spender, 1])
  for (const [to, data] of [
    [safe, encodeFunctionData({ abi: SAFE_ABI, functionName: 'enableModule', args: [module] })],
    [safe, encodeFunctionData({ abi: SAFE_ABI, functionName: 'setModuleGuard', args: [guard] })],
  ] as const)
    await asOwners(to, data)
  await market.mintDollars(safe, 100_000n * 10n ** 6n)
  await market.mintWeth(safe, 10n * 10n ** 18n)
  await market.mintDollars(exchange, 100_000n * 10n ** 6n)
  const evilAbi = abiOf('HostileToken')
  const mint = (to: Hex, amount: bigint) =>
    client.send(deployer, {
      to: evil,
      data: encodeFunctionData({ abi: evilAbi, functionName: 'mint', args: [to, amount] }),
    })
  await mint(safe, 10n ** 21n)
  await mint(exchange, 10n ** 21n)
  for (const { address } of [EXECUTOR, ATTACKER]) await client.setBalance(address, 10n ** 20n)
  await client.setBalance(safe, 10n ** 19n)

  let nonce = 0n
  const moduleDomain = verdictDomain(net.chain.chainId, module)
  const swapCalls = (amount = SWAP_IN, sell: 'USDC' | 'WETH' = 'USDC'): Call[] =>
    encodeSwap(
      { type: 'swap', sell, buy: sell === 'USDC' ? 'WETH' : 'USDC', amountIn: String(amount), minBuy: '1' },
      { ...net.chain, safe },
      Number(LATE),
    ).map(call => ({ to: call.to as Hex, value: BigInt(call.value), data: call.data as Hex }))
  const bound = (target: Hex, limit: bigint, kind = 0, id = 0n): Bound => ({ kind, target, id, limit })

  async function verdict(changes: Partial<VerdictMessage> = {}): Promise<VerdictMessage> {
    const block = await client.public.getBlock()
    return {
      safe,
      nonce: nonce++,
      calls: swapCalls(),
      bounds: [bound(dollar, -SWAP_IN), bound(weth, 1n)],
      proposalDigest: `0x${'cd'.repeat(32)}`,
      policyDigest: POLICY,
      executor: EXECUTOR.address,
      refBlock: block.number - 1n,
      refBlockHash: block.parentHash,
      validUntil: LATE,
      ...changes,
    }
  }
  const sign = (message: VerdictMessage, by: PrivateKeyAccount = first, domain = moduleDomain) =>
    by.signTypedData({ domain, types: VERDICT_TYPES, primaryType: 'Verdict', message })

  /** Sends a call as `from`: 'succeeded', or why not. */
  async function attempt(from: { address: Hex }, to: Hex, data: Hex, gas = 4_000_000n): Promise<string> {
    try {
      await client.public.call({ account: from.address, to, data, gas })
      await client.send(from as PrivateKeyAccount, { to, data, gas })
      return 'succeeded'
    } catch (error) {
      return revertReason(error, MODULE_ABI)
    }
  }
  /** Why a call would revert, in a word. */
  const refusal = (from: { address: Hex }, to: Hex, data: Hex): Promise<string> =>
    client.public.call({ account: from.address, to, data, gas: 6_000_000n }).then(
      () => 'nothing',
      error => (revertReason(error, MODULE_ABI).split('(')[0] ?? '').trim(),
    )
  /** The approvers' signature over what a verdict has in common with what they saw. */
  const approve = (message: ApprovalMessage, by: PrivateKeyAccount = APPROVER, domain = moduleDomain) =>
    by.signTypedData({ domain, types: APPROVAL_TYPES, primaryType: 'Approval', message })
  const encodeExecute = (
    message: VerdictMessage,
    signatures: readonly Hex[],
    approvals: readonly Hex[] = [],
    approvedUntil = approvals.length === 0 ? 0n : LATE,
  ) => {
    const args = [message, signatures, { validUntil: approvedUntil, signatures: approvals }] as const
    return encodeFunctionData({ abi: MODULE_ABI, functionName: 'execute', args })
  }
  async function execute(
    message: VerdictMessage,
    signatures: readonly Hex[],
    { from = EXECUTOR, approvals = [] as readonly Hex[], gas = 4_000_000n, approvedUntil = LATE } = {},
  ): Promise<string> {
    return attempt(from, module, encodeExecute(message, signatures, approvals, approvedUntil), gas)
  }

  return {
    ...{ net, client, safe, module, guard, evil, exchange, dollar, weth, router, guardian, deployer },
    ...{
      abiOf,
      asOwners,
      configure,
      allow,
      mint,
      swapCalls,
      bound,
      verdict,
      sign,
      encodeExecute,
      execute,
      attempt,
      refusal,
    },
    signApproval: approve,
    /** The verdict with `changes`, signed by `signers` whatever it says, sent by the executor. */
    async signedByAll(changes: Partial<VerdictMessage>, signers: readonly PrivateKeyAccount[] = [first]) {
      const message = await verdict(changes)
      return execute(message, await Promise.all(signers.map(signer => sign(message, signer))))
    },
    /** Why the module would not take a rule from the owners, or null. */
    async setRuleFault(target: Hex, selector: Hex): Promise<string | null> {
      const args = [target, selector, { allowed: true, recipientWord: 0, amountWord: 0, maxValue: 0n }] as const
      const data = encodeFunctionData({ abi: MODULE_ABI, functionName: 'setRule', args })
      return client.public.call({ account: safe, to: module, data }).then(
        () => null,
        error => revertReason(error, MODULE_ABI),
      )
    },
    async owners(work: () => Promise<void>): Promise<string> {
      return work().then(
        () => 'succeeded',
        error => String(error),
      )
    },
    balance: (token: Hex, of: Hex = safe) =>
      client.public.readContract({ address: token, abi: ERC20_ABI, functionName: 'balanceOf', args: [of] }),
    deploy: (name: string, args: readonly unknown[] = []) => client.deploy(deployer, artifact(name), args),
    deployPublished: (path: string, args: readonly unknown[]) => client.deploy(deployer, packageArtifact(path), args),
    tell: (to: Hex, abi: string, functionName: string, args: readonly unknown[]) =>
      client.send(deployer, { to, data: encodeFunctionData({ abi: abiOf(abi), functionName, args }) }),
    encode: (abi: string, functionName: string, args: readonly unknown[]) =>
      encodeFunctionData({ abi: abiOf(abi), functionName, args }),
    approve: (token: Hex, spender: Hex, amount: bigint): Call => ({
      to: token,
      value: 0n,
      data: encodeFunctionData({ abi: ERC20_ABI, functionName: 'approve', args: [spender, amount] }),
    }),
    /** `out` of one token for `amount` of another from the exchange, paid to `to`. */
    trade: (sell: Hex, buy: Hex, amount: bigint, out: bigint, to: Hex = safe): Call => ({
      to: exchange,
      value: 0n,
      data: encodeFunctionData({
        abi: abiOf('Exchange'),
        functionName: 'trade',
        args: [sell, buy, amount, out, to],
      }),
    }),
  }
}

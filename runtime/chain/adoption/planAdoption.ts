import { type Address, encodeFunctionData, type Hex, toFunctionSelector, zeroAddress } from 'viem'
import type { TreasuryConfig } from '#config/treasuryConfig.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { type Policy, policyDigest } from '#verifier/policy/policy.ts'
import { MODULE_ABI } from '../abi.ts'
import { SAFE_ABI } from '../devnet/deploySafe.ts'

/** The native coin, where a token of the policy is asked for. */
const NATIVE = { address: zeroAddress, decimals: 18 } as const

/** One transaction that the Safe's owners sign, and what it means. */
export type OwnersTransaction = { to: string; value: '0'; data: Hex; words: string }

const TRANSFER = toFunctionSelector('transfer(address,uint256)')
const DEPOSIT = toFunctionSelector('deposit()')
const WITHDRAW = toFunctionSelector('withdraw(uint256)')
const MINT = toFunctionSelector(
  'mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))',
)
const DECREASE_LIQUIDITY = toFunctionSelector('decreaseLiquidity((uint256,uint128,uint256,uint256,uint256))')
const COLLECT = toFunctionSelector('collect((uint256,address,uint128,uint128))')
const SWAP_EXACT_TOKENS = toFunctionSelector('swapExactTokensForTokens(uint256,uint256,address[],address,uint256)')
const EXACT_INPUT_SINGLE = toFunctionSelector(
  'exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))',
)

/**
 * Everything that a Safe's owners must sign for the module to enforce a policy: first what binds it, and only then what
 * lets it act. All of it is derived from the policy and from what the owners decide beside it. @throws BAD_CONFIG
 */
export function planAdoption(policy: Policy, config: TreasuryConfig): OwnersTransaction[] {
  const { safe, module } = policy
  const plan: OwnersTransaction[] = []
  const symbols = new Map(policy.tokens.map(token => [token.symbol, token]))
  const token = (symbol: string, where: string) => {
    const found = symbol === 'native' ? NATIVE : symbols.get(symbol)
    if (found === undefined) throw new WarrantError('BAD_CONFIG', `${where}.${symbol}: the policy lists no such token`)
    return found
  }
  // What counts against a limit leaks away as what counts against the cap does.
  const windowOf = (symbol: string, where: string) => {
    const cap = config.caps[symbol]
    if (cap === undefined)
      throw new WarrantError('BAD_CONFIG', `${where}.${symbol}: needs caps.${symbol}, over whose window it counts`)
    return cap.windowSeconds
  }
  const set = (words: string, functionName: string, args: readonly unknown[]) =>
    plan.push({
      to: module,
      value: '0',
      data: encodeFunctionData({ abi: MODULE_ABI, functionName, args } as never),
      words,
    })
  const allow = (words: string, target: string, selector: Hex, recipientWord: number, maxValue = 0n) =>
    set(words, 'setRule', [target, selector, { allowed: true, recipientWord, amountWord: 0, maxValue }])
  const bySafe = (words: string, functionName: 'enableModule' | 'setModuleGuard', who: string) =>
    plan.push({
      to: safe,
      value: '0',
      data: encodeFunctionData({ abi: SAFE_ABI, functionName, args: [who as Address] }),
      words,
    })

  set(`the policy in force is ${policy.name}, digest ${policyDigest(policy)}`, 'setPolicy', [
    `0x${policyDigest(policy)}`,
  ])
  const assets = [...(config.watchNative ? [zeroAddress] : []), ...policy.tokens.map(({ address }) => address)]
  set(
    `${config.watchNative ? 'native coins, ' : ''}${[...symbols.keys()].join(', ')} must not fall unless a signed bound names them`,
    'setAssets',
    [assets],
  )
  for (const symbol of symbols.keys())
    if (config.caps[symbol] === undefined)
      throw new WarrantError('BAD_CONFIG', `caps.${symbol} is missing: without a cap, k verifiers could move all of it`)
  if (config.caps.native !== undefined && !config.watchNative)
    throw new WarrantError('BAD_CONFIG', 'caps.native: needs watchNative: true, for only what is watched can be capped')
  for (const [symbol, { amount, windowSeconds }] of Object.entries(config.caps)) {
    const { address, decimals } = token(symbol, 'caps')
    const shown = Number(amount) / 10 ** decimals
    set(
      `at most ${shown} ${symbol} leave at once, at most twice that in any ${windowSeconds} seconds, whatever is signed`,
      'setCap',
      [address, amount, windowSeconds],
    )
  }
  const { approvers, threshold } = policy.approvals
  if (approvers.length > 0)
    set(`${threshold} of ${approvers.length} approvers can be asked for: ${approvers.join(', ')}`, 'setApprovers', [
      [...approvers].sort(),
      BigInt(threshold),
    ])
  for (const [symbol, limit] of Object.entries(config.approvalLimits)) {
    const { address, decimals } = token(symbol, 'approvalLimits')
    if (approvers.length === 0)
      throw new WarrantError('BAD_CONFIG', `approvalLimits.${symbol}: the policy names no approvers`)
    set(`above ${Number(limit) / 10 ** decimals} ${symbol} at once, approvers must have signed`, 'setApprovalLimit', [
      address,
      limit,
      windowOf(symbol, 'approvalLimits'),
    ])
  }
  for (const [symbol, { above, verifiers }] of Object.entries(config.verifierLimits)) {
    const { address, decimals } = token(symbol, 'verifierLimits')
    if (verifiers > config.verifiers.length)
      throw new WarrantError('BAD_CONFIG', `verifierLimits.${symbol}: there are ${config.verifiers.length} verifiers`)
    set(
      `above ${Number(above) / 10 ** decimals} ${symbol} at once, ${verifiers} verifiers must have signed`,
      'setVerifierLimit',
      [address, above, windowOf(symbol, 'verifierLimits'), verifiers],
    )
  }
  const pinned = new Set<string>()
  /** Whoever takes tokens from its caller within a batch. */
  const spend = (spender: string, tokens: readonly string[]) => {
    for (const address of tokens) {
      if (pinned.has(`${address} ${spender}`)) continue
      pinned.add(`${address} ${spender}`)
      const words = `${spender} may be given allowances of ${address}, each used up or taken back in the same batch`
      set(words, 'setSpender', [address, spender, 1])
    }
  }
  const mostValue = config.caps.native?.amount ?? 0n
  for (const { router, token0, token1, positions } of policy.uniswapV3) {
    allow(`it may swap on Uniswap v3's router ${router}, paid to the Safe`, router, EXACT_INPUT_SINGLE, 4)
    spend(router, [token0, token1])
    if (positions === undefined) continue
    allow(`it may open positions by ${positions}, that belong to the Safe`, positions, MINT, 10)
    allow('it may take liquidity out of them', positions, DECREASE_LIQUIDITY, 0)
    allow('it may collect what they are owed, paid to the Safe', positions, COLLECT, 2)
    spend(positions, [token0, token1])
  }
  for (const { router, token0, token1 } of policy.uniswapV2 ?? []) {
    allow(`it may swap on Uniswap v2's router ${router}, paid to the Safe`, router, SWAP_EXACT_TOKENS, 4)
    spend(router, [token0, token1])
  }
  for (const { to, function: name, recipientWord, maxValue = '0' } of policy.calls ?? []) {
    const paid = recipientWord === 0 ? '' : `, its argument ${recipientWord} the Safe or a payee`
    const carried = maxValue === '0' ? '' : `, with at most ${maxValue} wei`
    allow(
      `it may call ${name} of ${to}${paid}${carried}`,
      ...([to, toFunctionSelector(name), recipientWord, BigInt(maxValue)] as const),
    )
    // Which tokens it takes the policy does not say: the bounds and caps do.
    spend(
      to,
      policy.tokens.map(({ address }) => address).filter(address => address !== to),
    )
  }
  if (policy.weth !== undefined) {
    if (config.caps.native === undefined)
      throw new WarrantError('BAD_CONFIG', 'caps.native is missing: the policy lets native coins be wrapped')
    allow(`it may wrap native coins at ${policy.weth}`, policy.weth, DEPOSIT, 0, mostValue)
    allow('it may unwrap them', policy.weth, WITHDRAW, 0)
  }
  for (const recipient of policy.recipients) set(`${recipient} may be paid`, 'setPayee', [recipient, true])
  if (policy.recipients.length > 0)
    for (const { address, symbol } of policy.tokens)
      allow(`it may transfer ${symbol} to the Safe's payees`, address, TRANSFER, 1)
  // The guard before the module: there is no moment in which another way in stands open beside it.
  if (config.guard !== null)
    bySafe(`every module but ${module} is denied, by guard ${config.guard}`, 'setModuleGuard', config.guard)
  bySafe(`${module} may act for the Safe, by verdicts alone`, 'enableModule', module)
  return plan
}

/** The plan as a file of the Safe's Transaction Builder. */
export function builderFile(policy: Policy, plan: readonly OwnersTransaction[], createdAtMs: number): object {
  return {
    version: '1.0',
    chainId: String(policy.chainId),
    createdAt: createdAtMs,
    meta: {
      name: `Warrant: ${policy.name}`,
      description: plan.map(({ words }, i) => `${i + 1}. ${words}`).join('\n'),
      createdFromSafeAddress: policy.safe,
    },
    transactions: plan.map(({ to, value, data }) => ({
      to,
      value,
      data,
      contractMethod: null,
      contractInputsValues: null,
    })),
  }
}

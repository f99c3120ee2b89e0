import { toFunctionSelector, zeroAddress } from 'viem'
import type { TreasuryConfig } from '#config/treasuryConfig.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { type Policy, policyDigest } from '#verifier/policy/policy.ts'
import { lexiconOf, type Setting, settingsIn } from './moduleSettings.ts'
import { SELECTORS } from './selectors.ts'

/** Names beside the policy's symbols that caps and limits may have. */
const [NATIVE, LIQUIDITY] = ['native', 'liquidity']

const UNCAPPED = (symbol: string) =>
  symbol === LIQUIDITY
    ? 'k verifiers could take all of it out of positions, at a price that they push'
    : 'k verifiers could move all of it'

/**
 * Everything that owners must have set for the module to enforce a policy, and what they decide beside it. With the policy
 * alone (`config` null), what the policy decides. @throws BAD_CONFIG naming the field
 */
export function wantedSettings(policy: Policy, config: TreasuryConfig | null): Setting[] {
  const kinds = settingsIn(lexiconOf(policy))
  const { approvers, threshold } = policy.approvals
  return [
    kinds.policy(`0x${policyDigest(policy)}`, policy.name),
    kinds.approvers(approvers, threshold),
    ...(config === null ? [] : ownersSettings(policy, config)),
    ...policy.recipients.map(kinds.payee),
    ...rulesOf(policy, config),
  ]
}

function ownersSettings(policy: Policy, config: TreasuryConfig): Setting[] {
  const kinds = settingsIn(lexiconOf(policy))
  const { verifiers, threshold, guardian, caps, approvalLimits, verifierLimits } = config
  const managers = liquidityManagers(policy, config)
  if (caps[NATIVE] !== undefined && !config.watchNative)
    throw new WarrantError('BAD_CONFIG', 'caps.native: needs watchNative: true, for only what is watched can be capped')
  const carrying = (policy.calls ?? []).some(({ maxValue = '0' }) => maxValue !== '0')
  const needed = [
    ...policy.tokens.map(({ symbol }) => symbol),
    ...(policy.weth === undefined && !carrying ? [] : [NATIVE]),
    ...(policy.uniswapV3.some(({ positions }) => positions !== undefined) ? [LIQUIDITY] : []),
  ] as string[]
  for (const symbol of needed)
    if (caps[symbol] === undefined)
      throw new WarrantError('BAD_CONFIG', `caps.${symbol} is missing: without a cap, ${UNCAPPED(symbol)}`)
  const assetsOf = (field: string, symbol: string): string[] => {
    const token = policy.tokens.find(listed => listed.symbol === symbol)
    if (token !== undefined) return [token.address]
    if (symbol === NATIVE && config.watchNative) return [zeroAddress]
    if (symbol === LIQUIDITY && managers.length > 0) return managers
    throw new WarrantError('BAD_CONFIG', `${field}.${symbol}: the policy lists no such token`)
  }
  const windowOf = (field: string, symbol: string): number => {
    const cap = caps[symbol]
    if (cap === undefined)
      throw new WarrantError(
        'BAD_CONFIG',
        `${field}.${symbol}: counts over the window of caps.${symbol}, which is missing`,
      )
    return cap.windowSeconds
  }
  const limits: Setting[] = []
  for (const [symbol, { amount, windowSeconds: window }] of Object.entries(caps))
    for (const asset of assetsOf('caps', symbol)) limits.push(kinds.cap(asset, { amount, window }))
  for (const [symbol, amount] of Object.entries(approvalLimits))
    for (const asset of assetsOf('approvalLimits', symbol)) {
      if (policy.approvals.approvers.length === 0)
        throw new WarrantError('BAD_CONFIG', `approvalLimits.${symbol}: the policy names no approvers`)
      limits.push(kinds.approvalLimit(asset, { amount, window: windowOf('approvalLimits', symbol) }))
    }
  for (const [symbol, { above: amount, verifiers: count }] of Object.entries(verifierLimits))
    for (const asset of assetsOf('verifierLimits', symbol)) {
      if (count > verifiers.length)
        throw new WarrantError('BAD_CONFIG', `verifierLimits.${symbol}: there are ${verifiers.length} verifiers`)
      limits.push(kinds.verifierLimit(asset, { amount, window: windowOf('verifierLimits', symbol) }, count))
    }
  return [
    kinds.assets([
      ...(config.watchNative ? [zeroAddress] : []),
      ...policy.tokens.map(({ address }) => address),
      ...managers,
    ]),
    kinds.verifiers(verifiers, threshold),
    kinds.guardian(guardian),
    ...limits,
    ...spendersOf(policy, config),
  ]
}

/** Position managers of the policy: what leaves their positions counts as outflow. */
function liquidityManagers(policy: Policy, config: TreasuryConfig | null): string[] {
  // What is counted has a cap, which the owners say.
  if (config === null) return []
  return [...new Set(policy.uniswapV3.flatMap(({ positions }) => positions ?? []))]
}

/** What the policy's calls go to takes from its caller, within a batch; what more there is the owners say. */
function spendersOf(policy: Policy, { spenders }: TreasuryConfig): Setting[] {
  const kinds = settingsIn(lexiconOf(policy))
  const levels = new Map<string, Setting>()
  const add = (setting: Setting) => levels.set(setting.key, setting)
  for (const { router, token0, token1, positions } of policy.uniswapV3)
    for (const spender of [router, ...(positions === undefined ? [] : [positions])])
      for (const token of [token0, token1]) add(kinds.spender(token, spender, 1))
  for (const { router, token0, token1 } of policy.uniswapV2 ?? [])
    for (const token of [token0, token1]) add(kinds.spender(token, router, 1))
  // Which tokens a named call takes the policy does not say: the bounds and caps do.
  for (const { to } of policy.calls ?? [])
    for (const { address } of policy.tokens) if (address !== to) add(kinds.spender(address, to, 1))
  for (const { token: symbol, spender, stays } of spenders) {
    const token = policy.tokens.find(listed => listed.symbol === symbol)
    if (token === undefined) throw new WarrantError('BAD_CONFIG', `spenders: ${symbol}: the policy lists no such token`)
    add(kinds.spender(token.address, spender, stays ? 2 : 1))
  }
  return [...levels.values()]
}

function rulesOf(policy: Policy, config: TreasuryConfig | null): Setting[] {
  const kinds = settingsIn(lexiconOf(policy))
  const rules = new Map<string, Setting>()
  const allow = (
    words: string,
    target: string,
    selector: string,
    { recipientWord = 0, amountWord = 0, maxValue = 0n } = {},
  ) => {
    const rule = kinds.rule(target, selector, { allowed: true, recipientWord, amountWord, maxValue }, words)
    const other = rules.get(rule.key)
    if (other !== undefined && other.value !== rule.value)
      throw new WarrantError(
        'BAD_CONFIG',
        `calls: ${selector} of ${target} is allowed twice, with different words: "${other.words}" and "${rule.words}"`,
      )
    rules.set(rule.key, other ?? rule)
  }
  const symbolOf = (address: string) => policy.tokens.find(token => token.address === address)?.symbol ?? address
  const managers = liquidityManagers(policy, config)
  for (const { router, positions } of policy.uniswapV3) {
    allow(`it may swap on Uniswap v3's router ${router}, paid to the Safe`, router, SELECTORS.exactInputSingle, {
      recipientWord: 4,
    })
    if (positions === undefined) continue
    allow(`it may open positions by ${positions}, that belong to the Safe`, positions, SELECTORS.mint, {
      recipientWord: 10,
    })
    const isCounted = managers.includes(positions)
    allow(
      `it may take liquidity out of positions of ${positions}${isCounted ? ', which counts as outflow' : ''}`,
      positions,
      SELECTORS.decreaseLiquidity,
      { amountWord: isCounted ? 2 : 0 },
    )
    allow(`it may collect what positions of ${positions} are owed, paid to the Safe`, positions, SELECTORS.collect, {
      recipientWord: 2,
    })
  }
  for (const { router } of policy.uniswapV2 ?? [])
    allow(`it may swap on Uniswap v2's router ${router}, paid to the Safe`, router, SELECTORS.swapExactTokens, {
      recipientWord: 4,
    })
  for (const { to, function: name, recipientWord, maxValue = '0' } of policy.calls ?? [])
    allow(
      `it may call ${name} of ${to}${recipientWord === 0 ? '' : `, its argument ${recipientWord} the Safe or a payee`}`,
      to,
      toFunctionSelector(name),
      { recipientWord, maxValue: BigInt(maxValue) },
    )
  if (policy.weth !== undefined) {
    allow(`it may wrap native coins at ${policy.weth}`, policy.weth, SELECTORS.deposit, {
      maxValue: config?.caps[NATIVE]?.amount ?? 0n,
    })
    allow(`it may unwrap ${symbolOf(policy.weth)}`, policy.weth, SELECTORS.withdraw)
  }
  if (policy.recipients.length > 0)
    for (const { address, symbol } of policy.tokens)
      allow(`it may transfer ${symbol} to the Safe's payees`, address, SELECTORS.transfer, { recipientWord: 1 })
  // What depends on the owners' decisions cannot be told from the policy alone.
  const isOpen = ({ key }: Setting) => config === null && /0xd0e30db0$|0x0c49ccbe$/.test(key)
  return [...rules.values()].map(rule => (isOpen(rule) ? { ...rule, value: null } : rule))
}

import { type ContractFunctionArgs, type ContractFunctionName, formatUnits, zeroAddress } from 'viem'
import type { Policy } from '#verifier/policy/policy.ts'
import type { MODULE_ABI } from '../abi.ts'
import type { Bucket, ModuleRule, ModuleState } from './moduleState.ts'
import { functionName } from './selectors.ts'

type Name = ContractFunctionName<typeof MODULE_ABI, 'nonpayable'>
/** A call that owners make to the module. */
export type Setter = {
  [F in Name]: { functionName: F; args: ContractFunctionArgs<typeof MODULE_ABI, 'nonpayable', F> }
}[Name]

/**
 * One thing that owners set. `key` names it, `value` is what it is set to (null: it need only be there), `words` says what
 * holds with it. `rank`: the order in which things are set, what binds before what lets act.
 */
export type Setting = { key: string; value: string | null; words: string; rank: number; set: Setter }

/** Amounts and addresses in words. */
export type Lexicon = { amount(asset: string, units: bigint): string; asset(address: string): string }

/**
 * Symbols of a policy's tokens; liquidity of a position manager has units of its own. `others`: tokens that the policy does
 * not list, whose word for themselves stands beside their address.
 */
export function lexiconOf(policy: Pick<Policy, 'tokens' | 'uniswapV3'>, others: ModuleState['tokens'] = []): Lexicon {
  const tokens = new Map([
    ...others.map(({ address, symbol, decimals }) => [address, { name: `${symbol} (${address})`, decimals }] as const),
    ...policy.tokens.map(({ address, symbol, decimals }) => [address, { name: symbol, decimals }] as const),
    [zeroAddress as string, { name: 'native coins', decimals: 18 }] as const,
  ])
  const isManager = (asset: string) => policy.uniswapV3.some(({ positions }) => positions === asset)
  const unit = (asset: string) => (isManager(asset) ? 'units of liquidity' : `base units of ${asset}`)
  return {
    asset: address => tokens.get(address)?.name ?? address,
    amount(asset, units) {
      const token = isManager(asset) ? undefined : tokens.get(asset)
      return `${formatUnits(units, token?.decimals ?? 0)} ${token?.name ?? unit(asset)}`
    },
  }
}

/** The kinds of settings, each made from what it is about: the same for what is there and for what is wanted. */
export function settingsIn({ asset: nameOf, amount }: Lexicon) {
  const bucket = ({ amount: units, window }: Pick<Bucket, 'amount' | 'window'>) => `${units}/${window}`
  return {
    policy: (digest: string, name?: string): Setting => ({
      ...{ key: 'policy', value: digest, rank: 2 },
      words: `the policy in force is ${name === undefined ? '' : `${name}, `}digest ${digest.slice(2)}`,
      set: { functionName: 'setPolicy', args: [digest as `0x${string}`] },
    }),
    assets: (assets: readonly string[]): Setting => ({
      ...{ key: 'assets', value: [...assets].sort().join(), rank: 4 },
      words: `${assets.length === 0 ? 'nothing' : assets.map(nameOf).join(', ')} must not fall unless a signed bound names ${assets.length === 1 ? 'it' : 'them'}`,
      set: { functionName: 'setAssets', args: [assets as `0x${string}`[]] },
    }),
    verifiers: (verifiers: readonly string[], threshold: number): Setting => ({
      ...{ key: 'verifiers', value: `${threshold} of ${[...verifiers].sort().join()}`, rank: 5 },
      words: `${threshold} of ${verifiers.length} verifiers must sign: ${[...verifiers].sort().join(', ')}`,
      set: { functionName: 'setVerifiers', args: [[...verifiers].sort() as `0x${string}`[], BigInt(threshold)] },
    }),
    guardian: (guardian: string): Setting => ({
      ...{ key: 'guardian', value: guardian, rank: 5 },
      words: `${guardian} may pause`,
      set: { functionName: 'setGuardian', args: [guardian as `0x${string}`] },
    }),
    approvers: (approvers: readonly string[], threshold: number): Setting => ({
      ...{ key: 'approvers', value: approvers.length === 0 ? '' : `${threshold} of ${[...approvers].sort().join()}` },
      rank: 5,
      words:
        approvers.length === 0
          ? 'nobody can approve'
          : `${threshold} of ${approvers.length} approvers can be asked for: ${[...approvers].sort().join(', ')}`,
      set: {
        functionName: 'setApprovers',
        args: [[...approvers].sort() as `0x${string}`[], BigInt(approvers.length === 0 ? 0 : threshold)],
      },
    }),
    cap: (asset: string, cap: Pick<Bucket, 'amount' | 'window'>): Setting => ({
      ...{ key: `cap ${asset}`, value: bucket(cap), rank: 6 },
      words: `at most ${amount(asset, cap.amount)} leave at once, at most twice that in any ${cap.window} seconds, whatever is signed`,
      set: { functionName: 'setCap', args: [asset as `0x${string}`, cap.amount, cap.window] },
    }),
    approvalLimit: (asset: string, limit: Pick<Bucket, 'amount' | 'window'>): Setting => ({
      ...{ key: `approval limit ${asset}`, value: bucket(limit), rank: 6 },
      words: `above ${amount(asset, limit.amount)} at once, or twice that in any ${limit.window} seconds, approvers must have signed`,
      set: { functionName: 'setApprovalLimit', args: [asset as `0x${string}`, limit.amount, limit.window] },
    }),
    verifierLimit: (asset: string, limit: Pick<Bucket, 'amount' | 'window'>, verifiers: number): Setting => ({
      ...{ key: `verifier limit ${asset}`, value: `${bucket(limit)}/${verifiers}`, rank: 6 },
      words: `above ${amount(asset, limit.amount)} at once, or twice that in any ${limit.window} seconds, ${verifiers} verifiers must have signed`,
      set: { functionName: 'setVerifierLimit', args: [asset as `0x${string}`, limit.amount, limit.window, verifiers] },
    }),
    payee: (account: string): Setting => ({
      ...{ key: `payee ${account}`, value: 'yes', rank: 7 },
      words: `${account} may be paid`,
      set: { functionName: 'setPayee', args: [account as `0x${string}`, true] },
    }),
    spender: (token: string, spender: string, level: number): Setting => ({
      ...{ key: `spender ${token} ${spender}`, value: String(level), rank: 7 },
      words: `${spender} may be given an allowance of ${nameOf(token)}${level === 2 ? ', which may stay' : ' within a batch'}`,
      set: { functionName: 'setSpender', args: [token as `0x${string}`, spender as `0x${string}`, level] },
    }),
    rule: (target: string, selector: string, rule: ModuleRule, words?: string): Setting => ({
      ...{ key: `rule ${target} ${selector}`, value: `${rule.recipientWord}/${rule.amountWord}/${rule.maxValue}` },
      rank: 8,
      words: `${words ?? `it may call ${functionName(selector)} of ${target}`}${rule.recipientWord === 0 || words !== undefined ? '' : `, its argument ${rule.recipientWord} the Safe or a payee`}${rule.maxValue === 0n ? '' : `, with at most ${amount(zeroAddress, rule.maxValue)}`}`,
      set: {
        functionName: 'setRule',
        args: [target as `0x${string}`, selector as `0x${string}`, { ...rule, allowed: true }],
      },
    }),
  }
}

/** What a module enforces, as settings. */
export function settingsOf(state: ModuleState, lexicon: Lexicon): Setting[] {
  const kinds = settingsIn(lexicon)
  return [
    kinds.policy(state.policyDigest),
    kinds.assets(state.assets),
    kinds.verifiers(state.verifiers, state.threshold),
    kinds.guardian(state.guardian),
    kinds.approvers(state.approvers, state.approverThreshold),
    ...state.limits.flatMap(({ asset, cap, approval, verifier, verifiers }) => [
      ...(cap.window === 0 ? [] : [kinds.cap(asset, cap)]),
      ...(approval.window === 0 ? [] : [kinds.approvalLimit(asset, approval)]),
      ...(verifier.window === 0 ? [] : [kinds.verifierLimit(asset, verifier, verifiers)]),
    ]),
    ...state.payees.map(kinds.payee),
    ...state.spenders.map(({ token, spender, level }) => kinds.spender(token, spender, level)),
    ...state.rules.map(({ target, selector, rule }) => kinds.rule(target, selector, rule)),
  ]
}

/** The call that takes a setting back; null: it can only be set to something else. */
export function revocationOf({ set }: Setting): Setter | null {
  switch (set.functionName) {
    case 'setCap':
    case 'setApprovalLimit':
      return { functionName: set.functionName, args: [set.args[0], 0n, 0] }
    case 'setVerifierLimit':
      return { functionName: 'setVerifierLimit', args: [set.args[0], 0n, 0, 0] }
    case 'setPayee':
      return { functionName: 'setPayee', args: [set.args[0], false] }
    case 'setSpender':
      return { functionName: 'setSpender', args: [set.args[0], set.args[1], 0] }
    case 'setRule': {
      const none = { allowed: false, recipientWord: 0, amountWord: 0, maxValue: 0n }
      return { functionName: 'setRule', args: [set.args[0], set.args[1], none] }
    }
    default:
      return null
  }
}

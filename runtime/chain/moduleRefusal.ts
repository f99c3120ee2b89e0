import { type Abi, BaseError, decodeErrorResult, ExecutionRevertedError, formatUnits, type Hex, parseAbi } from 'viem'
import { MODULE_ABI } from './abi.ts'

const REVERTS = [
  ...MODULE_ABI,
  ...parseAbi(['error ModuleDenied(address module)', 'error DelegatecallDenied(address module)']),
] as Abi

/**
 * What the module says to a call that it reverts. `kind`: its error by name, `Error`, `Panic` or `unknown`. `isStanding`:
 * the next call is answered alike until somebody changes the treasury's or the run's configuration.
 */
export type ModuleRefusal = { kind: string; args: readonly string[]; words: string; isStanding: boolean }

/** A token's symbol and decimals, for amounts in words. */
export type TokenWords = { symbol: string; address: string; decimals: number }

/** What the market, the clock or the node may bring: gone with the next try. */
const PASSING = new Set([
  'CallFailed',
  'BoundViolated',
  'UnboundAssetFell',
  'CapExceeded',
  'ApprovalNeeded',
  'ApprovalExpired',
  'VerifiersNeeded',
  'Expired',
  'ReferenceBlockUnknown',
  'ReferenceBlockReorged',
])

/** Errors of the Safe that a module's call can meet. */
const SAFE_CODES: Record<string, string> = {
  GS104: 'the Safe has not enabled the module: its owners must',
  GS013: 'the Safe could not make the call',
}

/** The revert in an error of the node's answer, in words; null: the node gave no answer, which says nothing. */
export function moduleRefusal(error: unknown, tokens: readonly TokenWords[] = []): ModuleRefusal | null {
  const data = revertData(error)
  if (data !== null) return describeRevert(data, tokens)
  const isRevert =
    error instanceof BaseError && error.walk(cause => cause instanceof ExecutionRevertedError) instanceof BaseError
  return isRevert
    ? { kind: 'unknown', args: [], words: 'it reverts without a reason: is this a module?', isStanding: true }
    : null
}

/** A revert's bytes in words. */
export function describeRevert(data: Hex, tokens: readonly TokenWords[] = []): ModuleRefusal {
  let decoded: { errorName: string; args?: readonly unknown[] }
  try {
    decoded = decodeErrorResult({ abi: REVERTS, data }) as typeof decoded
  } catch {
    const words = data === '0x' ? 'it reverts without a reason' : `it reverts with ${data.slice(0, 74)}`
    return { kind: 'unknown', args: [], words, isStanding: true }
  }
  const { errorName: kind, args = [] } = decoded
  const shown = args.map(String)
  const words = WORDS[kind]?.(shown, tokens) ?? `${kind}(${shown.join(', ')})`
  return { kind, args: shown, words, isStanding: !PASSING.has(kind) }
}

type Words = (args: readonly string[], tokens: readonly TokenWords[]) => string
const time = (seconds = '0') => {
  const ms = 1_000 * Number(seconds)
  return Number.isSafeInteger(ms) && ms < 8.64e15 ? new Date(ms).toISOString() : seconds
}
const nth = (index = '0') => `call ${BigInt(index) + 1n}`
const amount = (asset = '', units = '0', tokens: readonly TokenWords[]) => {
  if (/^0x0{40}$/.test(asset)) return `${formatUnits(BigInt(units), 18)} native coins`
  const token = tokens.find(({ address }) => address === asset.toLowerCase())
  return token === undefined
    ? `${units} base units of ${asset}`
    : `${formatUnits(BigInt(units), token.decimals)} ${token.symbol}`
}

const WORDS: Record<string, Words> = {
  Error: ([text = '']) => SAFE_CODES[text] ?? `it reverts: ${printable(text)}`,
  Panic: ([code = '']) => `it panics with code ${code}`,
  NotTheSafe: ([caller]) => `only the Safe may do that, not ${caller}`,
  NotTheGuardian: ([caller]) => `only the guardian may do that, not ${caller}`,
  WrongSafe: ([safe]) => `the module is for another Safe than ${safe}`,
  WrongExecutor: ([caller, executor]) => `the verdict is for executor ${executor}, this is ${caller}`,
  Paused: () => 'the module is paused: only its owners resume it',
  Expired: ([until, now]) => `the verdict was valid until ${time(until)}, the chain's time is ${time(now)}`,
  NonceUsed: ([nonce]) => `nonce ${nonce} is used: these calls, or others under it, were executed before`,
  PolicyChanged: ([signed, current]) =>
    `the policy in force is ${current}, the verdict is for ${signed}: run with that policy, or let the owners set this one`,
  ReferenceBlockUnknown: ([block]) => `the chain no longer, or not yet, knows reference block ${block}`,
  ReferenceBlockReorged: ([block]) => `reference block ${block} was reorganised away`,
  NotEnoughSignatures: ([valid, needed]) => `${valid} verifiers or approvers have signed, ${needed} must`,
  NotAVerifier: ([signer]) => `${signer} signed, and is no verifier of the module (any more)`,
  NotAnApprover: ([signer]) => `${signer} approved, and is no approver of the module (any more)`,
  CallNotAllowed: ([index, target, selector]) => `${nth(index)}: the owners allow no ${selector} of ${target}`,
  RecipientNotSafe: ([index, recipient]) => `${nth(index)}: ${recipient} is neither the Safe nor a payee`,
  ApprovalOutlivesBatch: ([token, spender, allowance], tokens) =>
    `${spender} could still take ${amount(token, allowance, tokens)} afterwards`,
  CallFailed: ([index, reason]) => `${nth(index)} fails${innerWords(reason)}`,
  NoBounds: () => 'the verdict has no bound',
  BoundViolated: ([index, target, change, limit], tokens) =>
    `bound ${BigInt(index ?? 0) + 1n} does not hold: ${amount(target, change, tokens)}, at least ${amount(target, limit, tokens)} were signed`,
  UnboundAssetFell: ([asset, change], tokens) => `${amount(asset, change, tokens)} would leave without a bound`,
  CapExceeded: ([asset, outflow, left], tokens) =>
    `${amount(asset, outflow, tokens)} would leave, the owners' cap has ${amount(asset, left, tokens)} left`,
  ValueNotAllowed: ([index, value, most]) =>
    `${nth(index)} carries ${value} wei: the owners allow ${most}, and only where native coins are on the module's list`,
  AmountOfUnlistedTarget: ([index, target]) =>
    `${nth(index)}: what ${target} gives up counts as an asset that is not on the module's list`,
  SpenderNotListed: ([token, spender]) => `the owners list no allowance of ${token} for ${spender}`,
  ApprovalNeeded: ([asset, outflow, left], tokens) =>
    `${amount(asset, outflow, tokens)} would leave, ${amount(asset, left, tokens)} may without approvers`,
  ApprovalExpired: ([until, now]) => `the approvals were valid until ${time(until)}, the chain's time is ${time(now)}`,
  VerifiersNeeded: ([asset, outflow, left, verifiers], tokens) =>
    `${amount(asset, outflow, tokens)} would leave, ${amount(asset, left, tokens)} may signed by fewer than ${verifiers} verifiers`,
  ModuleDenied: ([module]) => `the Safe's module guard denies ${module}: it is another treasury's, or not set for it`,
}

/** What the called contract itself said, as ABI-encoded Error(string) or bytes. */
function innerWords(reason = '0x'): string {
  if (reason === '0x') return ' without a reason'
  const { kind, words } = describeRevert(reason as Hex)
  return kind === 'unknown' ? ` with ${reason.slice(0, 74)}` : `: ${words}`
}

/** Text of a contract, which anybody may have written: no control characters, no marks that turn the line around. */
function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '\ufffd').slice(0, 200)
}

function revertData(error: unknown): Hex | null {
  if (!(error instanceof BaseError)) return null
  const carrier = error.walk(cause => /^0x[0-9a-fA-F]*$/.test(String((cause as { data?: unknown }).data))) as {
    data?: Hex
  } | null
  return carrier?.data ?? null
}

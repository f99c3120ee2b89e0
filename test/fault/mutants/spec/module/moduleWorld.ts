import { type Hex, hashTypedData, type LocalAccount, toFunctionSelector } from 'viem'
import { APPROVAL_TYPES } from '#verifier/evidence/approvalTypes.ts'
import { VERDICT_TYPES, type VerdictMessage, verdictDomain } from '#verifier/evidence/verdictTypes.ts'
import { same } from '../specCase.ts'
import { CHAIN_ID, type SpecOutcome } from '../specChain.ts'
import {
  APPROVERS,
  act,
  balanceLesson,
  EXECUTOR,
  GUARDIAN,
  lower,
  POLICY,
  perform,
  READS_ABI,
  type SendOptions,
  type SpecWorld,
  type Step,
  VERIFIERS,
} from '../specWorld.ts'

export const ZERO: Hex = `0x${'00'.repeat(20)}`
export const PROPOSAL: Hex = `0x${'cd'.repeat(32)}`
export const ACT = act([]).slice(0, 10) as Hex
export const PERFORM = perform([]).slice(0, 10) as Hex
export const selectorOf = (signature: string): Hex => toFunctionSelector(signature)

export type Rule = { allowed: boolean; recipientWord: number; amountWord: number; maxValue: bigint }
export const rule = (changes: Partial<Rule> = {}): Rule => ({
  ...{ allowed: true, recipientWord: 0, amountWord: 0, maxValue: 0n },
  ...changes,
})

export const verifierAddresses = (count = 3) => VERIFIERS.slice(0, count).map(({ address }) => lower(address))
export const approverAddresses = (count = 2) => APPROVERS.slice(0, count).map(({ address }) => lower(address))

/** A setting of the owners that must be taken. */
export async function set(
  world: SpecWorld,
  name: string,
  args: readonly unknown[],
  options: SendOptions = {},
): Promise<SpecOutcome> {
  const outcome = await world.send('WarrantModule', name, args, options)
  same(outcome.outcome, 'ok', `${name} by the Safe`)
  return outcome
}

export const read = (world: SpecWorld, name: string, args: readonly unknown[] = []) =>
  world.read('WarrantModule', name, args)

/** Two of three verifiers, one policy, three assets, and a target that may be called. */
export async function openModule(world: SpecWorld): Promise<void> {
  const verifiers = verifierAddresses()
  const { outcome, logs } = await world.deploy('WarrantModule', [world.safe, verifiers, 2n, POLICY, GUARDIAN])
  same(outcome, 'ok', 'the deployment')
  const events = [`VerifiersSet([${verifiers.join(', ')}], 2)`, `PolicySet(${POLICY})`, `GuardianSet(${GUARDIAN})`]
  same(
    logs.map(({ event }) => event),
    events,
    'its events',
  )
  await set(world, 'setAssets', [[ZERO, world.tokenA, world.tokenB]])
  await set(world, 'setRule', [world.target, ACT, rule({ maxValue: 10n ** 18n })])
}

/** What may be changed of a verdict that the configured module executes. */
export const verdictOf = (world: SpecWorld, changes: Partial<VerdictMessage> = {}): VerdictMessage => ({
  ...{ safe: world.safe, nonce: 7n, calls: [callOf(world)], bounds: [boundOf(world.tokenB, 0n)] },
  ...{ proposalDigest: PROPOSAL, policyDigest: POLICY, executor: EXECUTOR },
  ...{ refBlock: world.refBlock.number, refBlockHash: world.refBlock.hash, validUntil: 4_000_000_000n },
  ...changes,
})

type Call = VerdictMessage['calls'][number]
/** A call of the target that takes these steps. */
export const callOf = (
  world: SpecWorld,
  { steps = [], words = [0n, 0n], value = 0n }: { steps?: Step[]; words?: [bigint, bigint]; value?: bigint } = {},
): Call => ({ to: world.target, value, data: act(steps, words) })
/** A bound on a balance's change. */
export const boundOf = (target: Hex, limit: bigint) => ({ kind: 0, target, id: 0n, limit })
/** A token's balance of the Safe becomes `balance`. */
export const becomes = (world: SpecWorld, token: Hex, balance: bigint): Step =>
  balanceLesson(token, world.safe, balance)
/** A call of the target in which the Safe's balances become these. */
export const moving = (world: SpecWorld, ...changes: [Hex, bigint][]): Call =>
  callOf(world, { steps: changes.map(([token, balance]) => becomes(world, token, balance)) })

const signatures = new Map<string, Hex>()
/** The account's signature of a digest; made once, for it costs more than the rest of a case. */
export async function signHash(account: LocalAccount, hash: Hex): Promise<Hex> {
  const key = `${account.address}${hash}`
  const known = signatures.get(key) ?? (await account.sign?.({ hash })) ?? '0x'
  signatures.set(key, known)
  return known
}

export const verdictDigest = (
  world: SpecWorld,
  message: VerdictMessage,
  chainId = CHAIN_ID,
  module = world.address('WarrantModule'),
): Hex =>
  hashTypedData({ domain: verdictDomain(chainId, module), types: VERDICT_TYPES, primaryType: 'Verdict', message })

export const approvalDigest = (
  world: SpecWorld,
  { safe, calls, bounds, nonce }: VerdictMessage,
  validUntil: bigint,
): Hex =>
  hashTypedData({
    domain: verdictDomain(CHAIN_ID, world.address('WarrantModule')),
    types: APPROVAL_TYPES,
    primaryType: 'Approval',
    message: { safe, calls, bounds, nonce, validUntil },
  })

export type ExecuteOptions = SendOptions & {
  /** By index; the first two when not given. */
  signers?: readonly number[]
  signatures?: readonly Hex[]
  approvals?: { validUntil: bigint; signatures: readonly Hex[] }
}

export async function executeArguments(world: SpecWorld, message: VerdictMessage, options: ExecuteOptions = {}) {
  const digest = verdictDigest(world, message)
  const { signers = [0, 1], approvals = { validUntil: 0n, signatures: [] } } = options
  const signed =
    options.signatures ?? (await Promise.all(signers.map(i => signHash(VERIFIERS[i] as LocalAccount, digest))))
  return [message, signed, approvals]
}
const sendOptions = ({ from = EXECUTOR, at }: ExecuteOptions): SendOptions => ({
  from,
  ...(at === undefined ? {} : { at }),
})

/** Executes a verdict, by a transaction. */
export async function execute(
  world: SpecWorld,
  message: VerdictMessage,
  options: ExecuteOptions = {},
): Promise<SpecOutcome> {
  return world.send('WarrantModule', 'execute', await executeArguments(world, message, options), sendOptions(options))
}

/** What executing would do: 'ok' or the error in words. */
export async function tryExecute(
  world: SpecWorld,
  message: VerdictMessage,
  options: ExecuteOptions = {},
): Promise<string> {
  return world.attempt(
    'WarrantModule',
    'execute',
    await executeArguments(world, message, options),
    sendOptions(options),
  )
}

/** What executing a verdict with these changes would do. */
export const trial = (world: SpecWorld, changes: Partial<VerdictMessage>, options: ExecuteOptions = {}) =>
  tryExecute(world, verdictOf(world, changes), options)

export async function approvalsOf(
  world: SpecWorld,
  message: VerdictMessage,
  { validUntil = 3_999_999_999n, approvers = [0, 1] } = {},
) {
  const digest = approvalDigest(world, message, validUntil)
  return {
    validUntil,
    signatures: await Promise.all(approvers.map(i => signHash(APPROVERS[i] as LocalAccount, digest))),
  }
}

/** The call of a token that grants an allowance, and how it is asked for afterwards. */
export const READS = READS_ABI

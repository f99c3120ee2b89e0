import {
  type Abi,
  decodeFunctionResult,
  encodeDeployData,
  encodeFunctionData,
  getContractAddress,
  type Hex,
  parseAbi,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { createSafe, deploySafeContracts, SAFE_ABI } from '#runtime/chain/devnet/deploySafe.ts'
import { createDevClient } from '#runtime/chain/devnet/devClient.ts'
import { type Compiled, type CompiledSet, compileSources, readSources } from '../compileSources.ts'
import { CHAIN_ID, openSpecChain, type SpecChain, type SpecOutcome, valueInWords } from './specChain.ts'

const PUPPET_ABI = parseAbi([
  'struct Step { address to; uint256 value; bytes data; }',
  'function teach(bytes call, bool reverts, bytes answer)',
  'function teachSteps(bytes call, Step[] steps)',
  'function act(uint256 first, uint256 second, Step[] steps) payable',
  'function perform(Step[] steps) payable',
  'event Called(address sender, uint256 value, bytes data)',
])
export const READS_ABI = parseAbi([
  'function balanceOf(address account) view returns (uint256)',
  'function allowance(address owner, address spender) view returns (uint256)',
  'function isApprovedForAll(address owner, address operator) view returns (bool)',
  'function ownerOf(uint256 id) view returns (address)',
  'function getUserAccountData(address user) view returns (uint256, uint256, uint256, uint256, uint256, uint256)',
  'function isValidSignature(bytes32 hash, bytes signature) view returns (bytes4)',
  'function approve(address spender, uint256 amount) returns (bool)',
  'function increaseAllowance(address spender, uint256 amount) returns (bool)',
  'function setApprovalForAll(address operator, bool approved)',
])
export const PERMIT2_ABI = parseAbi([
  'function allowance(address owner, address token, address spender) view returns (uint160 amount, uint48 expiration, uint48 nonce)',
  'function approve(address token, address spender, uint160 amount, uint48 expiration)',
])

export type Step = { to: Hex; value?: bigint; data?: Hex }

const account = (seed: number) => privateKeyToAccount(`0x${seed.toString(16).padStart(64, '0')}`)
const byAddress = (a: { address: Hex }, b: { address: Hex }) =>
  a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1
export const lower = (address: string): Hex => address.toLowerCase() as Hex
export const someone = (n: number): Hex => `0x${n.toString(16).padStart(40, '0')}`

/** Verifiers and approvers with keys of their own, ascending. */
export const VERIFIERS = [account(11), account(12), account(13), account(14)].sort(byAddress)
export const APPROVERS = [account(21), account(22), account(23)].sort(byAddress)
export const POLICY: Hex = `0x${'ab'.repeat(32)}`
export const EXECUTOR = someone(0xe1)
export const GUARDIAN = someone(0xe2)
export const STRANGER = someone(0xe3)
/** What the Safe owns before anything moves: of each token, base units; of the native coin, wei. */
export const HELD = 1_000n
export const NATIVE = 10n ** 19n
const DEPLOYER = someone(0xd1)
const PUPPETS = ['tokenA', 'tokenB', 'tokenC', 'target', 'other', 'signer', 'forwarder'] as const

export type ContractName = 'WarrantModule' | 'WarrantGuard' | 'LogAnchor'
/** In the order in which they are deployed, so that each has the same address in every run. */
export const CONTRACTS: readonly ContractName[] = ['WarrantModule', 'WarrantGuard', 'LogAnchor']

/** Everything that the cases of the specification act on. Addresses are the same in every run. */
export type SpecWorld = Readonly<Record<(typeof PUPPETS)[number], Hex>> & {
  readonly chain: SpecChain
  readonly safe: Hex
  /** What a puppet's code is, for an address that is the chain's own. */
  readonly puppetCode: Hex
  /** A block that every verdict may refer to. */
  readonly refBlock: { number: bigint; hash: Hex }
  address(contract: ContractName): Hex
  abi(contract: ContractName): Abi
  encode(contract: ContractName, name: string, args: readonly unknown[]): Hex
  /** Back to the state before any contract was deployed; from now on these are deployed. */
  restart(compiled: CompiledSet): Promise<void>
  deploy(contract: ContractName, args: readonly unknown[]): Promise<SpecOutcome>
  /** Deploys a contract once more, at another address, and says which. */
  deployAnother(contract: ContractName, args: readonly unknown[]): Promise<SpecOutcome>
  /** Sends a call of a contract; `from` is the Safe when nothing is said. */
  send(contract: ContractName, name: string, args: readonly unknown[], options?: SendOptions): Promise<SpecOutcome>
  /** What the call would do: 'ok' or the error in words. Nothing changes. */
  attempt(contract: ContractName, name: string, args: readonly unknown[], options?: SendOptions): Promise<string>
  /** A read's answer in words; several values in square brackets. */
  read(contract: ContractName, name: string, args?: readonly unknown[], options?: SendOptions): Promise<string>
  /** Teaches a puppet what to answer to a call of `abi`. */
  teach(puppet: Hex, call: { abi: Abi; name: string; args: readonly unknown[]; answer: unknown }): Promise<void>
  /** The same in bytes; it may also revert with them. */
  teachBytes(puppet: Hex, lesson: { call: Hex; answer: Hex; reverts?: boolean }): Promise<void>
  /** Teaches a puppet what to do when it is called so. */
  teachSteps(puppet: Hex, call: Hex, steps: readonly Step[]): Promise<void>
  run(puppet: Hex, steps: readonly Step[], options?: SendOptions): Promise<SpecOutcome>
}
/** `from`: the Safe when it is not given. `to`: another deployment. `at`: the block's time, seconds. */
export type SendOptions = { from?: Hex; to?: Hex; at?: number; value?: bigint }

/** What a puppet is sent to make it act; the words come first, where a rule may look for a recipient. */
export const act = (steps: readonly Step[], words: readonly [bigint, bigint] = [0n, 0n]): Hex =>
  encodeFunctionData({ abi: PUPPET_ABI, functionName: 'act', args: [...words, steps.map(whole)] })
export const perform = (steps: readonly Step[]): Hex =>
  encodeFunctionData({ abi: PUPPET_ABI, functionName: 'perform', args: [steps.map(whole)] })
const whole = ({ to, value = 0n, data = '0x' }: Step) => ({ to, value, data })

/** What teaches a puppet, as a step that another one may take. */
export function lesson(puppet: Hex, { abi, name, args, answer }: Parameters<SpecWorld['teach']>[1]): Step {
  const call = encodeFunctionData({ abi, functionName: name, args } as never)
  const data = encodeFunctionData({
    abi: PUPPET_ABI,
    functionName: 'teach',
    args: [call, false, answerOf(abi, name, answer)],
  })
  return { to: puppet, data }
}

function answerOf(abi: Abi, name: string, answer: unknown): Hex {
  const [item] = abi.filter(entry => entry.type === 'function' && entry.name === name)
  // The encoder of arguments serves for results: a function whose inputs are the outputs, without its selector.
  const twin = { ...item, inputs: (item as { outputs: unknown }).outputs }
  const args = Array.isArray(answer) ? answer : [answer]
  return `0x${encodeFunctionData({ abi: [twin], functionName: name, args } as never).slice(10)}`
}

/** The balance that a puppet tells of an account, as a step. */
export const balanceLesson = (token: Hex, of: Hex, balance: bigint): Step =>
  lesson(token, { abi: READS_ABI, name: 'balanceOf', args: [of], answer: balance })

/** Opens a chain with a real Safe, and puppets for all that a module meets. One for many runs. */
export async function openSpecWorld(): Promise<SpecWorld> {
  const chain = await openSpecChain()
  const { rpc } = chain
  const url = chain.url
  const client = createDevClient(url, CHAIN_ID)
  const owner = account(31)
  await client.setBalance(owner.address, 10n ** 20n)
  const contracts = await deploySafeContracts(client, owner)
  const safe = await createSafe(client, owner, contracts, { owners: [owner.address], threshold: 1, salt: 1n })
  const puppet = compileSources(readSources(), ['test/fault/mutants/contracts/Puppet.sol'])?.Puppet as Compiled
  const puppets: Record<string, Hex> = {}
  for (const name of PUPPETS) {
    const { created } = await chain.send({ from: someone(0xd2), data: puppet.bytecode })
    puppets[name] = lower(created as string)
  }
  const address = (contract: ContractName): Hex =>
    lower(getContractAddress({ from: DEPLOYER, nonce: BigInt(CONTRACTS.indexOf(contract)) }))
  await chain.send({
    ...{ from: safe, to: safe },
    data: encodeFunctionData({ abi: SAFE_ABI, functionName: 'enableModule', args: [address('WarrantModule')] }),
  })
  const puppetCode = await rpc<Hex>('eth_getCode', [puppets.target, 'latest'])
  const { number, hash } = await rpc<{ number: Hex; hash: Hex }>('eth_getBlockByNumber', ['latest', false])
  await rpc('anvil_mine', ['0x2'])
  await rpc('anvil_setBalance', [safe, `0x${NATIVE.toString(16)}`])
  for (const name of ['tokenA', 'tokenB', 'tokenC'])
    await chain.send({ from: STRANGER, ...balanceLesson(puppets[name] as Hex, safe, HELD) })
  let base = await chain.snapshot()
  let compiled: CompiledSet = {}
  const abiOf = (contract: ContractName): Abi => (compiled[contract] as Compiled).abi
  const encode = (contract: ContractName, name: string, args: readonly unknown[]): Hex =>
    encodeFunctionData({ abi: abiOf(contract), functionName: name, args } as never)
  const transaction = (contract: ContractName, name: string, args: readonly unknown[], options: SendOptions) => ({
    ...{ from: safe, to: address(contract) },
    ...options,
    data: encode(contract, name, args),
  })

  return {
    ...(puppets as Record<(typeof PUPPETS)[number], Hex>),
    ...{ chain, safe, address, encode, puppetCode, abi: abiOf },
    refBlock: { number: BigInt(number), hash },
    async restart(set) {
      base = await chain.revert(base)
      compiled = set
      chain.speak([...Object.values(set).flatMap(({ abi }) => abi), ...PUPPET_ABI])
    },
    async deploy(contract, args) {
      const { abi, bytecode } = compiled[contract] as Compiled
      await rpc('anvil_setNonce', [DEPLOYER, `0x${CONTRACTS.indexOf(contract).toString(16)}`])
      return chain.send({ from: DEPLOYER, data: encodeDeployData({ abi, bytecode, args }), gas: 50_000_000n })
    },
    deployAnother(contract, args) {
      const { abi, bytecode } = compiled[contract] as Compiled
      return chain.send({ from: STRANGER, data: encodeDeployData({ abi, bytecode, args }), gas: 50_000_000n })
    },
    send: (contract, name, args, options = {}) => chain.send(transaction(contract, name, args, options)),
    attempt: async (contract, name, args, options = {}) =>
      (await chain.call(transaction(contract, name, args, options))).outcome,
    async read(contract, name, args = [], options = {}) {
      const { outcome, data } = await chain.call(transaction(contract, name, args, options))
      if (outcome !== 'ok') return outcome
      const values = decodeFunctionResult({ abi: abiOf(contract), functionName: name, args, data } as never)
      return valueInWords(values)
    },
    async teach(puppet, call) {
      await chain.send({ from: STRANGER, ...lesson(puppet, call) })
    },
    async teachBytes(puppet, { call, answer, reverts = false }) {
      const data = encodeFunctionData({ abi: PUPPET_ABI, functionName: 'teach', args: [call, reverts, answer] })
      await chain.send({ from: STRANGER, to: puppet, data })
    },
    async teachSteps(puppet, call, steps) {
      const data = encodeFunctionData({ abi: PUPPET_ABI, functionName: 'teachSteps', args: [call, steps.map(whole)] })
      await chain.send({ from: STRANGER, to: puppet, data })
    },
    run: (puppet, steps, options = {}) => chain.send({ from: STRANGER, to: puppet, ...options, data: perform(steps) }),
  }
}

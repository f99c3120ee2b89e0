import { type Account, encodeFunctionData, type Hex, parseAbi, zeroAddress } from 'viem'
import { packageArtifact } from '../artifacts.ts'
import type { DevClient } from './devClient.ts'

const SAFE = '@safe-global/safe-smart-account/build/artifacts/contracts'
const SAFE_ABI = parseAbi([
  'function setup(address[] owners, uint256 threshold, address to, bytes data, address fallbackHandler, address paymentToken, uint256 payment, address paymentReceiver)',
  'function nonce() view returns (uint256)',
  'function getTransactionHash(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, uint256 baseGas, uint256 gasPrice, address gasToken, address refundReceiver, uint256 nonce) view returns (bytes32)',
  'function execTransaction(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, uint256 baseGas, uint256 gasPrice, address gasToken, address refundReceiver, bytes signatures) returns (bool)',
  'function enableModule(address module)',
  'function disableModule(address previous, address module)',
  'function setModuleGuard(address guard)',
])
const FACTORY_ABI = parseAbi([
  'function createProxyWithNonce(address singleton, bytes initializer, uint256 saltNonce) returns (address)',
])

export { SAFE_ABI }

export type SafeContracts = { singleton: Hex; factory: Hex }

/** Deploys Safe 1.5.0's published bytecode: singleton and proxy factory. */
export async function deploySafeContracts(client: DevClient, deployer: Account): Promise<SafeContracts> {
  const singleton = await client.deploy(deployer, packageArtifact(`${SAFE}/Safe.sol/Safe.json`), [])
  const factory = await client.deploy(
    deployer,
    packageArtifact(`${SAFE}/proxies/SafeProxyFactory.sol/SafeProxyFactory.json`),
    [],
  )
  return { singleton, factory }
}

/** A new Safe for `owners`, of whom `threshold` must sign. */
export async function createSafe(
  client: DevClient,
  deployer: Account,
  { singleton, factory }: SafeContracts,
  {
    owners,
    threshold,
    salt,
    fallbackHandler = zeroAddress,
  }: { owners: readonly Hex[]; threshold: number; salt: bigint; fallbackHandler?: Hex },
): Promise<Hex> {
  const initializer = encodeFunctionData({
    abi: SAFE_ABI,
    functionName: 'setup',
    args: [owners, BigInt(threshold), zeroAddress, '0x', fallbackHandler, zeroAddress, 0n, zeroAddress],
  })
  const args = [singleton, initializer, salt] as const
  const { result } = await client.public.simulateContract({
    address: factory,
    abi: FACTORY_ABI,
    functionName: 'createProxyWithNonce',
    args,
    account: deployer,
  })
  await client.send(deployer, {
    to: factory,
    data: encodeFunctionData({ abi: FACTORY_ABI, functionName: 'createProxyWithNonce', args }),
  })
  return result.toLowerCase() as Hex
}

/** Terms of a Safe's transaction beside its call; all absent: a plain call, gas unpaid. */
export type SafeTerms = {
  value?: bigint
  /** 1: delegatecall. */
  operation?: number
  safeTxGas?: bigint
  baseGas?: bigint
  gasPrice?: bigint
  gasToken?: Hex
  refundReceiver?: Hex
}

/** Calldata of execTransaction for a call that owners signed: whoever sends it. `owners`: at least the threshold. */
export async function signAsOwners(
  client: DevClient,
  owners: readonly (Account & { sign?: unknown })[],
  safe: Hex,
  to: Hex,
  data: Hex,
  terms: SafeTerms = {},
): Promise<Hex> {
  const { value = 0n, operation = 0, safeTxGas = 0n, baseGas = 0n, gasPrice = 0n } = terms
  const { gasToken = zeroAddress, refundReceiver = zeroAddress } = terms
  const call = [to, value, data, operation, safeTxGas, baseGas, gasPrice, gasToken, refundReceiver] as const
  const nonce = await client.public.readContract({ address: safe, abi: SAFE_ABI, functionName: 'nonce' })
  const hash = await client.public.readContract({
    address: safe,
    abi: SAFE_ABI,
    functionName: 'getTransactionHash',
    args: [...call, nonce],
  })
  const signatures = await Promise.all(
    ascending(owners).map(owner => (owner as { sign(p: { hash: Hex }): Promise<Hex> }).sign({ hash })),
  )
  return encodeFunctionData({
    abi: SAFE_ABI,
    functionName: 'execTransaction',
    args: [...call, `0x${signatures.map(s => s.slice(2)).join('')}`],
  })
}

/** Executes a call of the Safe signed by its owners, sent by one of them. `owners`: at least the threshold. */
export async function execAsOwners(
  client: DevClient,
  owners: readonly (Account & { sign?: unknown })[],
  safe: Hex,
  to: Hex,
  data: Hex,
): Promise<void> {
  const signed = await signAsOwners(client, owners, safe, to, data)
  await client.send(ascending(owners)[0] as Account, { to: safe, data: signed })
}

function ascending<T extends Account>(owners: readonly T[]): T[] {
  return [...owners].sort((a, b) => (a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1))
}

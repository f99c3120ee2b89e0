import { type Abi, encodeAbiParameters, encodeFunctionData, type Hex, stringToHex, toFunctionSelector } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import { Integrity__factory, Packer__factory, Roles__factory } from 'zodiac-roles-sdk/typechain'
import type { Devnet } from '#runtime/chain/devnet/startDevnet.ts'

const SWAP = toFunctionSelector('exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))')
const ROLE = stringToHex('trader', { size: 32 })
const ALLOWANCE = stringToHex('dollars', { size: 32 })

/** ERC-2470, by which Roles stores its conditions: deploy(bytes,bytes32) with CREATE2. */
const SINGLETON_FACTORY = '0xce0042b868300000d44a59004da54a005ffdcf9f'
const SINGLETON_FACTORY_CODE =
  '0x6080604052348015600f57600080fd5b506004361060285760003560e01c80634af63f0214602d575b600080fd5b60cf60048036036040811015604157600080fd5b810190602081018135640100000000811115605b57600080fd5b820183602082011115606c57600080fd5b80359060200191846001830284011164010000000083111715608d57600080fd5b91908080601f016020809104026020016040519081016040528093929190818152602001838380828437600092019190915250929550509135925060eb915050565b604080516001600160a01b039092168252519081900360200190f35b6000818351602085016000f5939250505056'

/** The end of the constructor: return, and the code that it returns. */
const RUNTIME = '5ff3fe'

/** ParameterType and Operator of Roles v2. */
const [STATIC, TUPLE, CALLDATA] = [1, 3, 5]
const [PASS, MATCHES, EQUAL_TO_AVATAR, WITHIN_ALLOWANCE] = [0, 5, 15, 28]

/**
 * Zodiac Roles v2 on a Safe, with what the module's backstop has: one target and function, the recipient pinned to the
 * Safe, and an allowance that refills for the amount. Returns the calldata of a transaction by that role.
 */
export async function setUpRoles(
  net: Devnet,
  {
    safe,
    member,
    owner,
    send,
  }: {
    safe: Hex
    /** Who has the role. */
    member: Hex
    owner: PrivateKeyAccount
    send(from: PrivateKeyAccount, to: Hex, data: Hex): Promise<number>
  },
): Promise<{ roles: Hex; byRole(to: Hex, data: Hex): Hex }> {
  const setCode = (address: Hex, code: Hex) =>
    net.client.public.request({ method: 'anvil_setCode', params: [address, code] } as never)
  const deploy = (abi: readonly object[], bytecode: string, args: readonly unknown[]) =>
    net.client.deploy(net.deployer, { abi: abi as Abi, bytecode: bytecode as Hex }, [...args])
  const integrity = await deploy(Integrity__factory.abi, Integrity__factory.bytecode, [])
  const packer = await deploy(Packer__factory.abi, Packer__factory.bytecode, [])
  const linked = Roles__factory.linkBytecode({
    'contracts/Integrity.sol:Integrity': integrity,
    'contracts/packers/Packer.sol:Packer': packer,
  })
  // The package's bytecode is larger than a chain lets anybody deploy: its code is put there, and set up as a proxy's is.
  const roles = `0x${'de'.repeat(20)}` as const
  const code: Hex = `0x${linked.slice(linked.indexOf(RUNTIME) + RUNTIME.length)}`
  await setCode(roles, code)
  await setCode(SINGLETON_FACTORY, SINGLETON_FACTORY_CODE)
  const encode = (functionName: string, args: readonly unknown[]) =>
    encodeFunctionData({ abi: Roles__factory.abi as Abi, functionName, args })
  const configure = (functionName: string, args: readonly unknown[]) => send(owner, roles, encode(functionName, args))
  const given = encodeAbiParameters(
    [{ type: 'address' }, { type: 'address' }, { type: 'address' }],
    [owner.address, safe, safe],
  )
  await configure('setUp', [given])
  const condition = (parent: number, paramType: number, operator: number, compValue: Hex = '0x') => ({
    ...{ parent, paramType, operator, compValue },
  })
  const most = 50_000n * 10n ** 6n
  await configure('assignRoles', [member, [ROLE], [true]])
  await configure('setAllowance', [ALLOWANCE, most, most, most, 86_400n, 0n])
  await configure('scopeTarget', [ROLE, net.market.router])
  await configure('scopeFunction', [
    ROLE,
    net.market.router,
    SWAP,
    [
      condition(0, CALLDATA, MATCHES),
      condition(0, TUPLE, MATCHES),
      ...Array.from({ length: 3 }, () => condition(1, STATIC, PASS)),
      condition(1, STATIC, EQUAL_TO_AVATAR),
      condition(1, STATIC, PASS),
      condition(1, STATIC, WITHIN_ALLOWANCE, encodeAbiParameters([{ type: 'bytes32' }], [ALLOWANCE])),
      ...Array.from({ length: 2 }, () => condition(1, STATIC, PASS)),
    ],
    0,
  ])
  return { roles, byRole: (to, data) => encode('execTransactionWithRole', [to, 0n, data, 0, ROLE, true]) }
}

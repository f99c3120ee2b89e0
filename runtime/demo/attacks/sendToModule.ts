import { createPublicClient, createWalletClient, defineChain, type Hex, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { MODULE_ABI } from '#runtime/chain/abi.ts'
import { revertReason } from '#runtime/chain/revertReason.ts'
import { waitForReceipt } from '#runtime/chain/waitForReceipt.ts'

export type SentToModule = { transactionHash: string; status: 'success' | 'reverted'; reason: string }

/** Sends calldata to the module as an account of one's own, whatever the node's estimate says; the revert reason by eth_call. */
export async function sendToModule({
  rpc,
  chainId,
  module,
  key,
  data,
}: {
  rpc: string
  chainId: number
  module: string
  key: string
  data: string
}): Promise<SentToModule> {
  const account = privateKeyToAccount(key as Hex)
  const chain = defineChain({
    id: chainId,
    name: 'devnet',
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [rpc] } },
  })
  const client = createPublicClient({ chain, transport: http(rpc), pollingInterval: 5 })
  const wallet = createWalletClient({ account, chain, transport: http(rpc) })
  const call = { to: module as Hex, data: data as Hex }
  const reason = await client.call({ account, ...call }).then(
    () => 'the call would succeed',
    error => revertReason(error, MODULE_ABI),
  )
  const transactionHash = await wallet.sendTransaction({ ...call, gas: 1_500_000n })
  const { status } = await waitForReceipt(client, transactionHash)
  return { transactionHash, status, reason }
}

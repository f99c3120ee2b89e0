import {
  type Account,
  createPublicClient,
  createTestClient,
  createWalletClient,
  defineChain,
  encodeDeployData,
  type Hex,
  http,
  type PublicClient,
} from 'viem'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { Artifact } from '../artifacts.ts'
import { waitForReceipt } from '../waitForReceipt.ts'

/** What the devnet's set-up and its arbitrageur need of anvil. A reverted transaction always throws. */
export type DevClient = {
  readonly public: PublicClient
  deploy(from: Account, artifact: Artifact, args: readonly unknown[]): Promise<Hex>
  send(from: Account, transaction: { to: Hex; data?: Hex; value?: bigint; gas?: bigint }): Promise<void>
  /** The next block's timestamp, when it is later than the last one's. */
  setNextTimestamp(seconds: number): Promise<void>
  setBalance(address: Hex, wei: bigint): Promise<void>
}

/** A client of the anvil at `url`. */
export function createDevClient(url: string, chainId: number): DevClient {
  const chain = defineChain({
    id: chainId,
    name: 'devnet',
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [url] } },
  })
  const transport = http(url)
  const client = createPublicClient({ chain, transport, pollingInterval: 5, cacheTime: 0 })
  const test = createTestClient({ chain, transport, mode: 'anvil' })

  async function confirm(hash: Hex, what: string) {
    const receipt = await waitForReceipt(client, hash)
    if (receipt.status !== 'success') throw new WarrantError('CHAIN_FAILED', `${what} reverted (${hash})`)
    return receipt
  }

  return {
    public: client as PublicClient,
    async deploy(from, { abi, bytecode }, args) {
      const wallet = createWalletClient({ account: from, chain, transport })
      const hash = await wallet.sendTransaction({ data: encodeDeployData({ abi, bytecode, args: args as unknown[] }) })
      const { contractAddress } = await confirm(hash, 'a deployment')
      if (contractAddress == null) throw new WarrantError('CHAIN_FAILED', 'a deployment gave no address')
      return contractAddress.toLowerCase() as Hex
    },
    async send(from, transaction) {
      const wallet = createWalletClient({ account: from, chain, transport })
      // An estimate is for the block that it was made on: the next one may cost a little more.
      const gas = transaction.gas ?? ((await client.estimateGas({ account: from, ...transaction })) * 13n) / 10n
      await confirm(await wallet.sendTransaction({ ...transaction, gas }), `the call to ${transaction.to}`)
    },
    async setNextTimestamp(seconds) {
      const { timestamp } = await client.getBlock()
      if (BigInt(seconds) > timestamp) await test.setNextBlockTimestamp({ timestamp: BigInt(seconds) })
    },
    setBalance: (address, value) => test.setBalance({ address, value }),
  }
}

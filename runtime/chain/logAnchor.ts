import { existsSync } from 'node:fs'
import { createPublicClient, createWalletClient, defineChain, encodeDeployData, type Hex, http, parseAbi } from 'viem'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { ownArtifact } from './artifacts.ts'
import { revertReason } from './revertReason.ts'
import { openExecutorKey } from './signer.ts'
import { waitForReceipt } from './waitForReceipt.ts'

export const LOG_ANCHOR_ABI = parseAbi([
  'struct Head { uint64 size; uint64 blockNumber; bytes32 root; }',
  'function anchor(bytes32 log, uint64 size, bytes32 root, bytes32[] proof)',
  'function headOf(address publisher, bytes32 log) view returns (Head)',
  'function verifyConsistency(uint64 size1, bytes32 root1, uint64 size2, bytes32 root2, bytes32[] proof) pure returns (bool)',
  'event Anchored(address indexed publisher, bytes32 indexed log, uint64 size, bytes32 root)',
  'error NotLarger(uint64 anchored, uint64 size)',
  'error NotConsistent(uint64 anchored, uint64 size)',
])

/** A tree head as it stands on chain; size 0: none. */
export type AnchoredHead = { size: number; root: string; blockNumber: number }

/** A LogAnchor, read by anyone. `log`: SHA-256 of the log's verification key as text. */
export type LogAnchorReader = { headOf(publisher: string, log: Uint8Array): Promise<AnchoredHead> }

/** Reads a LogAnchor. @throws CHAIN_FAILED */
export function readLogAnchor(rpc: string, contract: string): LogAnchorReader {
  const client = createPublicClient({ transport: http(rpc, { retryCount: 0, timeout: 20_000 }) })
  return {
    async headOf(publisher, log) {
      try {
        const head = await client.readContract({
          address: contract as Hex,
          abi: LOG_ANCHOR_ABI,
          functionName: 'headOf',
          args: [publisher as Hex, `0x${Buffer.from(log).toString('hex')}`],
        })
        return { size: Number(head.size), root: head.root.slice(2), blockNumber: Number(head.blockNumber) }
      } catch (cause) {
        throw new WarrantError('CHAIN_FAILED', `no LogAnchor answers at ${contract}: ${reasonOf(cause)}`, { cause })
      }
    },
  }
}

/** Someone who anchors: an account that pays for it. */
export type LogAnchorWriter = {
  readonly publisher: string
  deploy(): Promise<string>
  anchor(
    contract: string,
    head: { log: Uint8Array; size: number; root: Uint8Array; proof: readonly Uint8Array[] },
  ): Promise<{
    transactionHash: string
    gasUsed: number
  }>
}

/** A writer with the key in `keyFile`, which must exist. @throws FILE_MISSING, CHAIN_FAILED */
export async function openLogAnchorWriter(rpc: string, keyFile: string): Promise<LogAnchorWriter> {
  if (!existsSync(keyFile))
    throw new WarrantError('FILE_MISSING', `${keyFile}: no such key file: warrant keys new executor --out makes one`)
  const account = openExecutorKey(keyFile)
  const transport = http(rpc, { retryCount: 0, timeout: 20_000 })
  const client = createPublicClient({ transport })
  const id = await client.getChainId().catch((cause: unknown) => {
    throw new WarrantError('UNREACHABLE', `no chain answers at ${rpc}: ${reasonOf(cause)}`, { cause, retry: 'safe' })
  })
  const nativeCurrency = { name: 'Ether', symbol: 'ETH', decimals: 18 }
  const chain = defineChain({ id, name: String(id), nativeCurrency, rpcUrls: { default: { http: [rpc] } } })
  const wallet = createWalletClient({ account, chain, transport })
  const confirmed = async (send: () => Promise<Hex>, what: string) => {
    try {
      const receipt = await waitForReceipt(client, await send())
      if (receipt.status === 'success') return receipt
      throw new WarrantError('CHAIN_FAILED', `${what} reverted (${receipt.transactionHash})`)
    } catch (cause) {
      if (cause instanceof WarrantError) throw cause
      throw new WarrantError('CHAIN_FAILED', `${what}: reverts: ${revertReason(cause, LOG_ANCHOR_ABI)}`, { cause })
    }
  }
  return {
    publisher: account.address.toLowerCase(),
    async deploy() {
      const { abi, bytecode } = ownArtifact('LogAnchor')
      const data = encodeDeployData({ abi, bytecode, args: [] })
      const { contractAddress } = await confirmed(() => wallet.sendTransaction({ data }), 'the deployment of LogAnchor')
      return (contractAddress as string).toLowerCase()
    },
    async anchor(contract, { log, size, root, proof }) {
      const hex = (bytes: Uint8Array): Hex => `0x${Buffer.from(bytes).toString('hex')}`
      const { transactionHash, gasUsed } = await confirmed(async () => {
        const { request } = await client.simulateContract({
          account,
          address: contract as Hex,
          abi: LOG_ANCHOR_ABI,
          functionName: 'anchor',
          args: [hex(log), BigInt(size), hex(root), proof.map(hex)],
        })
        return wallet.writeContract({ ...request, chain })
      }, `anchoring ${size} entries`)
      return { transactionHash, gasUsed: Number(gasUsed) }
    },
  }
}

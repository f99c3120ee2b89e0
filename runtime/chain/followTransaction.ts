import { type Hex, type PublicClient, TransactionReceiptNotFoundError } from 'viem'
import { reasonOf } from '#verifier/evidence/error.ts'
import { gasCostWei } from './l1Fee.ts'

type Client = Pick<PublicClient, 'getTransactionReceipt' | 'getBlockNumber' | 'sendRawTransaction'>

/** Where a transaction is mined. `index`: which of those that are followed. */
export type Mined = {
  index: number
  hash: Hex
  status: 'success' | 'reverted'
  blockNumber: number
  blockHash: string
  /** Gas, on an OP-stack chain with its fee for the layer below. */
  costWei: bigint
}

/** A block that held the transaction and is no longer the chain's; `now`: where it is instead, or null. */
export type Reorg = { was: Mined; now: Mined | null }

/** What nodes answer to bytes that they have, or that can no longer be mined. */
const KNOWN = /already known|already imported|nonce too low|underpriced/i

/** Hands a node signed bytes; that it has them already is no failure. */
export async function broadcastAgain(client: Client, serializedTransaction: Hex): Promise<void> {
  await client.sendRawTransaction({ serializedTransaction }).catch(error => {
    if (!KNOWN.test(reasonOf(error))) throw error
  })
}

/**
 * Follows the transactions of one account nonce until one of them is `confirmations` blocks deep (1: it is mined). Where a
 * reorganisation takes its block away it is told, and the same bytes are broadcast again. Null: none is mined, and none
 * was for `withinMs`.
 */
export async function followTransaction({
  client,
  sent,
  confirmations,
  withinMs,
  onReorg,
}: {
  client: Client
  sent: readonly { hash: Hex; rawTransaction: Hex }[]
  confirmations: number
  withinMs: number
  onReorg(reorg: Reorg): void
}): Promise<Mined | null> {
  let seen: Mined | null = null
  let until = Date.now() + withinMs
  for (let wait = 3; ; wait = Math.min(wait * 1.5, 1_000)) {
    const mined: Mined | null = await minedOf(client, sent)
    if (seen !== null && mined?.blockHash !== seen.blockHash) {
      onReorg({ was: seen, now: mined })
      const last = sent.at(-1)
      if (mined === null && last !== undefined) await broadcastAgain(client, last.rawTransaction)
      until = Date.now() + withinMs
      wait = 3
    }
    seen = mined
    if (mined !== null) {
      if (confirmations <= 1) return mined
      if (Number(await client.getBlockNumber()) - mined.blockNumber + 1 >= confirmations) {
        // The head may be that of another branch than the receipt was.
        const still = await minedOf(client, sent)
        if (still?.blockHash === mined.blockHash) return mined
        continue
      }
    } else if (Date.now() > until) return null
    await new Promise(resolve => setTimeout(resolve, wait))
  }
}

async function minedOf(client: Client, sent: readonly { hash: Hex }[]): Promise<Mined | null> {
  for (const [index, { hash }] of sent.entries()) {
    const receipt = await client.getTransactionReceipt({ hash }).catch((error: unknown) => {
      if (error instanceof TransactionReceiptNotFoundError) return null
      throw error
    })
    if (receipt !== null) {
      const { status, blockNumber, blockHash } = receipt
      return { index, hash, status, blockNumber: Number(blockNumber), blockHash, costWei: gasCostWei(receipt) }
    }
  }
  return null
}

import { type Hex, type PublicClient, type TransactionReceipt, TransactionReceiptNotFoundError } from 'viem'
import { WarrantError } from '#verifier/evidence/error.ts'

/**
 * Waits for a transaction's receipt by asking for it. (A wait that looks again only when the block number changes can
 * wait for ever on a chain that mines on demand: its one look may come before the node has indexed the block.)
 *
 * @throws CHAIN_FAILED with retry `unknown` when it is not there in time: it may still be mined
 */
export async function waitForReceipt(
  client: Pick<PublicClient, 'getTransactionReceipt'>,
  hash: Hex,
  { everyMs = 3, timeoutMs = 120_000 }: { everyMs?: number; timeoutMs?: number } = {},
): Promise<TransactionReceipt> {
  const until = Date.now() + timeoutMs
  for (let wait = everyMs; ; wait = Math.min(wait * 1.5, 1_000)) {
    try {
      return await client.getTransactionReceipt({ hash })
    } catch (error) {
      if (!(error instanceof TransactionReceiptNotFoundError)) throw error
    }
    if (Date.now() > until)
      throw new WarrantError('CHAIN_FAILED', `transaction ${hash} was not mined within ${timeoutMs / 1_000} s`, {
        retry: 'unknown',
      })
    await new Promise(resolve => setTimeout(resolve, wait))
  }
}

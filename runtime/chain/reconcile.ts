import { createPublicClient, type Hex, http } from 'viem'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Submission } from '#verifier/evidence/records/submission.ts'

/** What became of submissions of one nonce: which of them is mined, or null: their account went on without them. */
export type Reconciled = number | null

/**
 * Brings logged submissions of one account nonce, each but the first a replacement of the one before, to their end after
 * a crash: if none is mined, the bytes of the last are broadcast again, never others. Exactly once follows from the
 * chain's account nonce and the module's own.
 *
 * @throws CHAIN_FAILED with retry `unknown` while the chain does not answer or mines none of them
 */
export async function reconcile(url: string, submissions: readonly Submission[]): Promise<Reconciled> {
  const client = createPublicClient({ transport: http(url), cacheTime: 0 })
  const last = submissions.at(-1)
  if (last === undefined) return null
  const mined = async () => {
    for (const [i, { transactionHash }] of submissions.entries()) {
      const receipt = await client.getTransactionReceipt({ hash: transactionHash as Hex }).catch(() => null)
      if (receipt !== null) return i
    }
    return null
  }
  const hash = last.transactionHash as Hex
  try {
    const already = await mined()
    if (already !== null) return already
    const count = await client.getTransactionCount({ address: last.from as Hex, blockTag: 'latest' })
    // It may have been mined between the two questions.
    if (count > last.accountNonce) return mined()
    await client.sendRawTransaction({ serializedTransaction: last.rawTransaction as Hex }).catch(async error => {
      // The node may hold it already.
      if (!/already known|already imported|nonce too low|underpriced/i.test(reasonOf(error))) throw error
    })
    for (const until = Date.now() + 120_000; Date.now() < until; ) {
      const found = await mined()
      if (found !== null) return found
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    throw new WarrantError('CHAIN_FAILED', 'none was mined within 120 s')
  } catch (cause) {
    throw new WarrantError('CHAIN_FAILED', `transaction ${hash} could not be reconciled: ${reasonOf(cause)}`, {
      cause,
      retry: 'unknown',
    })
  }
}

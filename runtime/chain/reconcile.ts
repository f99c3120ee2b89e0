import { createPublicClient, type Hex, http } from 'viem'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Submission } from '#verifier/evidence/records/submission.ts'
import { broadcastAgain, followTransaction, type Reorg } from './followTransaction.ts'

/** What became of submissions of one nonce: which of them is mined, or null: their account went on without them. */
export type Reconciled = number | null

/**
 * Brings logged submissions of one account nonce, each but the first a replacement of the one before, to their end after
 * a crash: if none is mined, the bytes of the last are broadcast again, never others. Exactly once follows from the
 * chain's account nonce and the module's own.
 *
 * @throws CHAIN_FAILED with retry `unknown` while the chain does not answer or mines none of them
 */
export async function reconcile(
  url: string,
  submissions: readonly Submission[],
  { confirmations = 1, onReorg = () => {} }: { confirmations?: number; onReorg?: (reorg: Reorg) => void } = {},
): Promise<Reconciled> {
  const client = createPublicClient({ transport: http(url), cacheTime: 0 })
  const last = submissions.at(-1)
  if (last === undefined) return null
  const sent = submissions.map(({ transactionHash, rawTransaction }) => ({
    hash: transactionHash as Hex,
    rawTransaction: rawTransaction as Hex,
  }))
  const mined = async (withinMs: number) =>
    (await followTransaction({ client, sent, confirmations, withinMs, onReorg }))?.index ?? null
  try {
    const already = await mined(0)
    if (already !== null) return already
    const count = await client.getTransactionCount({ address: last.from as Hex, blockTag: 'latest' })
    // It may have been mined between the two questions.
    if (count > last.accountNonce) return await mined(0)
    await broadcastAgain(client, last.rawTransaction as Hex)
    const found = await mined(120_000)
    if (found !== null) return found
    throw new WarrantError('CHAIN_FAILED', 'none was mined within 120 s')
  } catch (cause) {
    throw new WarrantError(
      'CHAIN_FAILED',
      `transaction ${last.transactionHash} could not be reconciled: ${reasonOf(cause)}`,
      { cause, retry: 'unknown' },
    )
  }
}

import { createPublicClient, type Hex, http } from 'viem'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Submission } from '#verifier/evidence/records/submission.ts'
import { waitForReceipt } from './waitForReceipt.ts'

/** What became of a submission on the chain: mined, or out of the way because its account went on without it. */
export type Reconciled = 'mined' | 'replaced'

/**
 * Brings a logged submission to its end after a crash: if it is not mined, the same bytes are broadcast again, never
 * others. Exactly once follows from the chain's account nonce and the module's own.
 *
 * @throws CHAIN_FAILED with retry `unknown` while the chain does not answer or does not mine it
 */
export async function reconcile(url: string, submission: Submission): Promise<Reconciled> {
  const client = createPublicClient({ transport: http(url), cacheTime: 0 })
  const hash = submission.transactionHash as Hex
  const from = submission.from as Hex
  const mined = () =>
    client.getTransactionReceipt({ hash }).then(
      () => true,
      () => false,
    )
  try {
    if (await mined()) return 'mined'
    if ((await client.getTransactionCount({ address: from, blockTag: 'latest' })) > submission.accountNonce) {
      // It may have been mined between the two questions.
      return (await mined()) ? 'mined' : 'replaced'
    }
    await client.sendRawTransaction({ serializedTransaction: submission.rawTransaction as Hex }).catch(async error => {
      // The node may hold it already.
      if (!/already known|already imported|nonce too low/i.test(reasonOf(error))) throw error
    })
    await waitForReceipt(client, hash)
    return 'mined'
  } catch (cause) {
    throw new WarrantError('CHAIN_FAILED', `transaction ${hash} could not be reconciled: ${reasonOf(cause)}`, {
      cause,
      retry: 'unknown',
    })
  }
}

import type { Hex, PublicClient } from 'viem'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { moduleRefusal, type TokenWords } from './moduleRefusal.ts'
import { NotSentError } from './notSentError.ts'

export type PreflightParameters = {
  client: Pick<PublicClient, 'call' | 'estimateGas' | 'getBlockNumber'>
  from: Hex
  to: Hex
  data: Hex
  /** Gas of the transaction at most. */
  gas: bigint
  /** The verdict's reference block: the next block must come after it. */
  refBlock: number
  tokens: readonly TokenWords[]
}

/** A block after the reference block, at most: then the node is behind for good. */
const WAIT_MS = 60_000

/**
 * Makes the call on the node, as of its next block, without sending it: what would revert costs nothing. Gives the gas
 * that it takes.
 *
 * @throws REFUSED (NotSentError) with the module's reason in words, CHAIN_FAILED when the node does not say
 */
export async function preflight({
  client,
  from,
  to,
  data,
  gas,
  refBlock,
  tokens,
}: PreflightParameters): Promise<bigint> {
  const until = Date.now() + WAIT_MS
  for (;;) {
    const failure = await client.call({ account: from, to, data, gas, blockTag: 'pending' }).then(
      () => null,
      (error: unknown) => ({ error }),
    )
    if (failure === null) break
    const refusal = moduleRefusal(failure.error, tokens)
    if (refusal === null)
      throw new WarrantError('CHAIN_FAILED', `the call could not be tried: ${reasonOf(failure.error)}`, {
        cause: failure.error,
        retry: 'safe',
      })
    // A node without a pending block answers as of its head, which may be the reference block itself.
    const isEarly = refusal.kind === 'ReferenceBlockUnknown' && Number(await client.getBlockNumber()) <= refBlock
    if (!isEarly || Date.now() > until) throw new NotSentError(refusal, failure.error)
    await new Promise(resolve => setTimeout(resolve, 250))
  }
  return client.estimateGas({ account: from, to, data, gas, blockTag: 'pending' }).catch(() => gas)
}

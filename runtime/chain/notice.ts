import type { Json } from '#verifier/evidence/canonical.ts'
import type { Reorg } from './followTransaction.ts'

/** What the executor met on the way, for the record. `ends`: submissions that never can be mined. */
export type Notice = { what: string; reason: string; evidence: Json; ends: string[] }

/** That the chain took back a block with a followed transaction. */
export function reorgNotice({ was, now }: Reorg): Notice {
  const instead =
    now === null ? 'its bytes were broadcast again' : `it is in block ${now.blockNumber} (${now.blockHash}) now`
  return {
    what: 'a transaction was reorganised away',
    reason: `block ${was.blockNumber} (${was.blockHash}) with transaction ${was.hash} is no longer the chain's: ${instead}`,
    evidence: { transactionHash: was.hash, blockNumber: was.blockNumber, blockHash: was.blockHash },
    ends: [],
  }
}

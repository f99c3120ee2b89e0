import { reconcile, type Unexplained } from '#verifier/audit/completeness.ts'
import type { RecordChecker } from '#verifier/audit/recordChecker.ts'
import type { ChainPort } from '#verifier/evidence/ports/chain.ts'
import type { Policy } from '#verifier/policy/policy.ts'

/** Looks after execution: between two blocks, is every change of the treasury explained? */
export type Watch = {
  /** Looks at what came since the last round. What nothing explains in two rounds on end is given once. */
  round(): Promise<Unexplained[]>
}

/**
 * Watches a treasury by what a verifier knows: an execution is explained by the proposal with its digest and nonce in the
 * log, which verifiers have before they sign. A change is suspect at first, because the log may come a moment after the
 * chain, and an alarm when it is still unexplained at the next round.
 */
export function createWatch({
  chain,
  policy,
  records,
  from,
  onWatched,
}: {
  chain: ChainPort
  policy: Policy
  records: RecordChecker
  /** The block up to which all was looked at; null: the head at the first round. */
  from: number | null
  onWatched(block: number): void
}): Watch {
  let last = from
  let suspects = new Set<string>()
  /** What this stretch of blocks was told of already. */
  let told = new Set<string>()

  return {
    async round() {
      const head = (await chain.head()).number
      if (last === null) {
        last = head
        onWatched(head)
      }
      if (head <= last) return []
      const used = new Set<string>()
      const { unexplained } = await reconcile({
        chain,
        identity: policy,
        managers: policy.uniswapV3.flatMap(({ positions }) => positions ?? []),
        outcomes: [],
        explains({ proposalDigest: digest, nonce }) {
          const proposal = records.proposalOf(digest)
          if (proposal === null || BigInt(proposal.body.nonce) !== nonce || used.has(digest)) return null
          used.add(digest)
          return digest
        },
        fromBlock: last,
        toBlock: head,
      })
      // Amounts change while blocks come in; what a reason is about does not.
      const keyOf = (change: Unexplained) => change.transactionHash ?? change.reason.replaceAll(/-?\d+/g, '')
      // Each for itself: whoever steals at every round must not keep the earlier ones from being told.
      const fresh = unexplained.filter(change => suspects.has(keyOf(change)) && !told.has(keyOf(change)))
      for (const change of fresh) told.add(keyOf(change))
      suspects = new Set(unexplained.map(keyOf))
      if (unexplained.every(change => told.has(keyOf(change)))) {
        suspects = new Set()
        told = new Set()
        last = head
        onWatched(head)
      }
      return fresh
    },
  }
}

import { createRecordChecker, type RecordChecker } from '#verifier/audit/recordChecker.ts'
import { equalBytes, toHex } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { type Checkpoint, openCheckpoint } from '#verifier/log/checkpoint.ts'
import { createFrontier } from '#verifier/log/frontier.ts'
import { hashLeaf } from '#verifier/log/merkle.ts'
import { parseVkey } from '#verifier/log/signedNote.ts'
import type { Finding } from '#verifier/log/verifyTree.ts'

export type TakeParameters = { note: string; from: number; entries: readonly Uint8Array[] }

/**
 * A verifier's own copy of a log's state. It takes every entry from the first on and recomputes the root, so it needs
 * no inclusion or consistency proofs: what it has seen is what the checkpoint signs, and nothing before it can change.
 */
export type Follower = {
  readonly size: number
  readonly records: RecordChecker
  /** What is wrong with the records, ever: one finding denies everything that comes after. */
  readonly findings: readonly Finding[]
  readonly vkey: string
  /**
   * Takes entries up to a signed checkpoint, all or none.
   *
   * @throws LOG_BEHIND when `from` is not the size it has, EVIDENCE_MALFORMED when the checkpoint is not the log's or
   * not of these entries
   */
  take(parameters: TakeParameters): Promise<Checkpoint>
}

/** A follower of the log with verification key `vkey`. `pinned`: the root that it had at a size before a restart. */
export function createFollower({
  crypto,
  vkey,
  pinned,
}: {
  crypto: CryptoPort
  vkey: string
  pinned: { size: number; root: string } | null
}): Follower {
  const key = parseVkey(crypto, vkey)
  const records = createRecordChecker(crypto, { logKey: vkey })
  const findings: Finding[] = []
  let frontier = createFrontier(crypto)

  return {
    vkey,
    records,
    findings,
    get size() {
      return frontier.size
    },
    async take({ note, from, entries }) {
      if (from !== frontier.size) {
        throw new WarrantError(
          'LOG_BEHIND',
          `this verifier has ${frontier.size} entries; send from there, not from ${from}`,
          { retry: 'safe' },
        )
      }
      const checkpoint = openCheckpoint(crypto, note, key)
      if (checkpoint.size !== from + entries.length) {
        throw new WarrantError(
          'EVIDENCE_MALFORMED',
          `the checkpoint covers ${checkpoint.size} entries, ${from + entries.length} were sent`,
        )
      }
      const next = frontier.copy()
      const leaves = entries.map(entry => hashLeaf(crypto, entry))
      for (const leaf of leaves) {
        next.append(leaf)
        if (pinned !== null && next.size === pinned.size && toHex(next.root()) !== pinned.root) {
          throw new WarrantError(
            'EVIDENCE_MALFORMED',
            `the log was rewritten: at size ${pinned.size} this verifier once saw root ${pinned.root}, now it is ${toHex(next.root())}`,
          )
        }
      }
      if (!equalBytes(next.root(), checkpoint.root)) {
        throw new WarrantError(
          'EVIDENCE_MALFORMED',
          'the entries do not have the root of the checkpoint: one was changed, or the log was forked',
        )
      }
      for (const [i, entry] of entries.entries())
        findings.push(...(await records.check(entry, from + i, leaves[i] as Uint8Array)))
      findings.push(...(await records.settle()))
      frontier = next
      return checkpoint
    },
  }
}

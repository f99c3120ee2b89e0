import { keyChain, shortVkey } from '#verifier/audit/logKeys.ts'
import { createRecordChecker, type RecordChecker } from '#verifier/audit/recordChecker.ts'
import { equalBytes, toHex } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { type Checkpoint, openCheckpoint } from '#verifier/log/checkpoint.ts'
import { createFrontier } from '#verifier/log/frontier.ts'
import { hashLeaf } from '#verifier/log/merkle.ts'
import { type NoteKey, parseVkey } from '#verifier/log/signedNote.ts'
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
  /** The log's key in force, as far as this verifier has it: after a handover another one than it was configured with. */
  readonly vkey: string
  /**
   * Takes entries up to a signed checkpoint, all or none.
   *
   * @throws LOG_BEHIND when `from` is not the size it has, EVIDENCE_MALFORMED when the checkpoint is not the log's, not
   * of these entries, or not signed by the key that is in force after them
   */
  take(parameters: TakeParameters): Promise<Checkpoint>
}

/**
 * A follower of the log with verification key `vkey`. Another key counts when a handover that `vkey` signed leads to it,
 * and `listed`, the policy, has it: a stolen key alone hands nothing over. `pinned`: the root that it had at a size before
 * a restart.
 */
export function createFollower({
  crypto,
  vkey,
  listed = [],
  pinned,
}: {
  crypto: CryptoPort
  vkey: string
  listed?: readonly string[]
  pinned: { size: number; root: string } | null
}): Follower {
  const { name: origin } = parseVkey(crypto, vkey)
  const keys = [...new Set([vkey, ...listed])].flatMap(text => {
    const key = parseVkey(crypto, text)
    return key.name === origin ? [{ text, key }] : []
  })
  let inForce = vkey
  const records = createRecordChecker(crypto)
  const findings: Finding[] = []
  let frontier = createFrontier(crypto)

  /** The key in force after some more entries: the one that must have signed their checkpoint. @throws EVIDENCE_MALFORMED */
  function keyAfter(entries: readonly Uint8Array[]): { text: string; key: NoteKey } {
    const chain = keyChain(records.logKeys, entries)
    const last = chain.at(-1) ?? vkey
    const known = keys.find(({ text }) => text === last)
    if (known === undefined)
      throw new WarrantError(
        'EVIDENCE_MALFORMED',
        `the log is under the key ${shortVkey(last)}, which is neither this verifier's logKey nor on the policy's list`,
      )
    if (chain.length > 0 && !chain.includes(vkey))
      throw new WarrantError(
        'EVIDENCE_MALFORMED',
        `no handover leads from ${shortVkey(vkey)}, this verifier's logKey, to ${shortVkey(last)}`,
      )
    return known
  }

  return {
    get vkey() {
      return inForce
    },
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
      const { text, key } = keyAfter(entries)
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
      inForce = text
      frontier = next
      return checkpoint
    },
  }
}

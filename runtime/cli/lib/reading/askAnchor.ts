import { readLogAnchor } from '#runtime/chain/logAnchor.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { toHex, utf8 } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { Checkpoint } from '#verifier/log/checkpoint.ts'
import { formatVkey, type NoteKey } from '#verifier/log/signedNote.ts'

/** What is anchored of a log, and whether the log holds it. `unmet`: why not, in words; null when it does. */
export type AnchorAnswer = {
  contract: string
  publisher: string
  size: number
  root: string
  blockNumber: number
  unmet: string | null
}

export type AnchorOptions = {
  /** The LogAnchor. */
  requireAnchor?: string | undefined
  /** The account that anchors. */
  publisher?: string | undefined
  rpc?: string | undefined
}

/** Refuses what cannot be asked, before a log is read for nothing. @throws BAD_INPUT */
export function checkAnchorOptions({ requireAnchor, publisher, rpc }: AnchorOptions): void {
  if (requireAnchor === undefined) {
    if (publisher !== undefined)
      throw new WarrantError('BAD_INPUT', '--publisher goes with --require-anchor ADDRESS: the LogAnchor to ask')
    return
  }
  for (const [name, text] of [['--require-anchor', requireAnchor] as const, ['--publisher', publisher] as const])
    if (text !== undefined && !/^0x[0-9a-fA-F]{40}$/.test(text))
      throw new WarrantError('BAD_INPUT', `${name} ${text}: is no address: 0x and 40 hex digits`)
  if (rpc === undefined)
    throw new WarrantError('BAD_INPUT', '--require-anchor: cannot be asked without a chain: give --rpc URL')
  if (publisher === undefined)
    throw new WarrantError(
      'BAD_INPUT',
      '--require-anchor: cannot be asked: anybody can anchor anything there under an account of their own: name the one that you trust with --publisher ADDRESS',
    )
}

/**
 * Compares a log with what its publisher anchored. `rootAt`: root of the log's first `size` entries; null where what is
 * read cannot tell.
 *
 * @throws BAD_INPUT when the comparison cannot be made, CHAIN_FAILED
 */
export async function askAnchor(
  { requireAnchor, publisher, rpc }: AnchorOptions,
  { key, checkpoint, rootAt }: { key: NoteKey; checkpoint: Checkpoint; rootAt(size: number): Uint8Array | null },
): Promise<AnchorAnswer | null> {
  if (requireAnchor === undefined || publisher === undefined || rpc === undefined) return null
  const [contract, account] = [requireAnchor.toLowerCase(), publisher.toLowerCase()]
  const log = nodeCrypto.sha256(utf8(formatVkey(key)))
  const head = await readLogAnchor(rpc, contract).headOf(account, log)
  const answer = (unmet: string | null) => ({ contract, publisher: account, ...head, unmet })
  if (head.size === 0) return answer(`${account} has anchored nothing of this log at ${contract}`)
  if (head.size > checkpoint.size)
    return answer(`rolled back: ${head.size} entries are anchored, the log has ${checkpoint.size}`)
  const root = head.size === checkpoint.size ? checkpoint.root : rootAt(head.size)
  if (root === null)
    throw new WarrantError(
      'BAD_INPUT',
      `--require-anchor: cannot be asked: ${head.size} entries are anchored, and a part of a log of ${checkpoint.size} does not hold their root: give the whole log`,
    )
  return answer(
    toHex(root) === head.root
      ? null
      : `forked: another tree of ${head.size} entries is anchored in block ${head.blockNumber}`,
  )
}

import { fromBase64, toBase64 } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { type NoteKey, noteSignaturesOf, parseNote, type SignedNote } from './signedNote.ts'

/** The largest tree that the specifications know of. */
export const MOST_TREE_SIZE = 2n ** 63n - 1n

/** A tree head as any log may sign it (C2SP tlog-checkpoint, "Note text"). `size`: 0 to 2^63 − 1. `root`: 32 bytes. */
export type TreeHead = {
  origin: string
  size: bigint
  root: Uint8Array
  /** Lines after the first three, as they stand: nobody but the log gives them a meaning. */
  extensions: readonly string[]
}

/** The text that is signed: origin, size, base64 root, extension lines, each with a newline. */
export function formatTreeHead({ origin, size, root, extensions }: TreeHead): string {
  return `${[origin, size, toBase64(root), ...extensions].join('\n')}\n`
}

/** The tree head in a note's text. @throws EVIDENCE_MALFORMED */
export function parseTreeHead(text: string): TreeHead {
  const match = /^([^\n]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n((?:[^\n]+\n)*)$/.exec(text)
  if (match === null) throw new WarrantError('EVIDENCE_MALFORMED', 'checkpoint is not origin, size and root')
  const [, origin = '', digits = '', root = '', rest = ''] = match
  const size = BigInt(digits)
  if (size > MOST_TREE_SIZE) throw new WarrantError('EVIDENCE_MALFORMED', 'checkpoint size is too large')
  return { origin, size, root: fromBase64(root), extensions: rest === '' ? [] : rest.slice(0, -1).split('\n') }
}

/**
 * The tree head of a note of a log that one of its keys signed. The name of a key need not be the origin.
 *
 * @throws EVIDENCE_MALFORMED when it is malformed, of another origin, or signed by none of the keys
 */
export function openTreeHead(
  crypto: CryptoPort,
  note: string,
  { origin, keys }: { origin: string; keys: readonly NoteKey[] },
): TreeHead & { note: SignedNote } {
  const parsed = parseNote(note)
  const head = parseTreeHead(parsed.text)
  if (head.origin !== origin)
    throw new WarrantError('EVIDENCE_MALFORMED', `checkpoint is of ${head.origin}, not of ${origin}`)
  const signed = keys.map(key => noteSignaturesOf(crypto, parsed, key))
  if (signed.includes(null) || !signed.some(lines => lines !== null && lines.length > 0))
    throw new WarrantError(
      'EVIDENCE_MALFORMED',
      `checkpoint is not signed by ${keys.map(({ name }) => name).join(', ')}`,
    )
  return { ...head, note: parsed }
}

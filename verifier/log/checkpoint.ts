import { fromBase64, toBase64 } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { type NoteKey, noteSignedBy, parseNote, type SignedNote } from './signedNote.ts'

/** A tree head (C2SP tlog-checkpoint). `root`: 32 bytes. */
export type Checkpoint = { origin: string; size: number; root: Uint8Array }

/** The text that is signed: origin, size, base64 root, each with a newline. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${toBase64(root)}\n`
}

/** The tree head in a note's text; extension lines are refused, because nothing here gives them a meaning. @throws EVIDENCE_MALFORMED */
export function parseCheckpoint(text: string): Checkpoint {
  const match = /^([^\n]+)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n$/.exec(text)
  if (match === null) throw new WarrantError('EVIDENCE_MALFORMED', 'checkpoint is not origin, size and root')
  const size = Number(match[2])
  if (!Number.isSafeInteger(size)) throw new WarrantError('EVIDENCE_MALFORMED', 'checkpoint size is too large')
  return { origin: match[1] as string, size, root: fromBase64(match[3] as string) }
}

/**
 * The tree head of a checkpoint note signed by the log `key`, whose name is the origin.
 *
 * @throws EVIDENCE_MALFORMED when it is malformed, of another origin, or not signed by the key
 */
export function openCheckpoint(crypto: CryptoPort, note: string, key: NoteKey): Checkpoint & { note: SignedNote } {
  const parsed = parseNote(note)
  const checkpoint = parseCheckpoint(parsed.text)
  if (checkpoint.origin !== key.name) {
    throw new WarrantError('EVIDENCE_MALFORMED', `checkpoint is of ${checkpoint.origin}, not of ${key.name}`)
  }
  if (!noteSignedBy(crypto, parsed, key))
    throw new WarrantError('EVIDENCE_MALFORMED', `checkpoint is not signed by ${key.name}`)
  return { ...checkpoint, note: parsed }
}

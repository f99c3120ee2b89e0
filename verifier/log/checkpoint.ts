import { equalBytes, toBase64, toHex } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { type NoteKey, noteSignedBy, parseNote, type SignedNote } from './signedNote.ts'
import { parseTreeHead } from './treeHead.ts'

/** A tree head (C2SP tlog-checkpoint). `root`: 32 bytes. */
export type Checkpoint = { origin: string; size: number; root: Uint8Array }

/** The text that is signed: origin, size, base64 root, each with a newline. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${toBase64(root)}\n`
}

/** The tree head of a log of this format: of a size that is counted exactly, and without extension lines, which no monitor could check. @throws EVIDENCE_MALFORMED */
export function parseCheckpoint(text: string): Checkpoint {
  const { origin, size, root, extensions } = parseTreeHead(text)
  if (extensions.length > 0) throw new WarrantError('EVIDENCE_MALFORMED', 'checkpoint is not origin, size and root')
  if (size > Number.MAX_SAFE_INTEGER) throw new WarrantError('EVIDENCE_MALFORMED', 'checkpoint size is too large')
  return { origin, size: Number(size), root }
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
  if (!noteSignedBy(crypto, parsed, key)) {
    const other = parsed.signatures.find(({ name, id }) => name === key.name && !equalBytes(id, key.id))
    const hint =
      other === undefined
        ? ''
        : `: by its key ${toHex(key.id)}, but by one with the id ${toHex(other.id)}; if the log was handed over, its keeper tells you the new key`
    throw new WarrantError('EVIDENCE_MALFORMED', `checkpoint is not signed by ${key.name}${hint}`)
  }
  return { ...checkpoint, note: parsed }
}

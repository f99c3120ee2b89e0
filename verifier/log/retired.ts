import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { type NoteKey, noteSignedBy, parseNote } from './signedNote.ts'

const SECOND_LINE = 'retired payloads'

/** The text of a log's word on payloads that it no longer keeps: origin, `retired payloads`, their digests in order. */
export function formatRetired(origin: string, digests: Iterable<string>): string {
  return `${[origin, SECOND_LINE, ...[...new Set(digests)].sort()].join('\n')}\n`
}

/**
 * Digests of the payloads that a log says it no longer keeps, from its signed note. The tree is untouched by it: what the
 * entries say of a payload can still be proven, and whoever has a copy can still show that it is the one.
 *
 * @throws EVIDENCE_MALFORMED when the note is not the log's
 */
export function openRetired(crypto: CryptoPort, note: string, key: NoteKey): ReadonlySet<string> {
  const parsed = parseNote(note)
  if (!noteSignedBy(crypto, parsed, key)) throw new WarrantError('EVIDENCE_MALFORMED', `is not signed by ${key.name}`)
  const digests = parsed.text.slice(0, -1).split('\n').slice(2)
  if (digests.some(digest => !/^[0-9a-f]{64}$/.test(digest)) || formatRetired(key.name, digests) !== parsed.text)
    throw new WarrantError('EVIDENCE_MALFORMED', 'is not a list of retired payloads in order')
  return new Set(digests)
}

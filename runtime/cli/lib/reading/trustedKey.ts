import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { equalBytes } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { parseCheckpoint } from '#verifier/log/checkpoint.ts'
import { formatVkey, type NoteKey, parseNote, parseVkey, type SignedNote } from '#verifier/log/signedNote.ts'
import { keyBeside, type LogPlace, noteOf } from './logPlace.ts'
import { PINS, type Pins } from './pins.ts'

/** A log's key, and who says that it is this log's: the option, a file of pins, or nobody but the log itself. */
export type TrustedKey = { key: NoteKey; pinnedBy: string | null }

/** A log's key as people compare it: its name and id. */
export function keyName(key: NoteKey): string {
  return formatVkey(key).split('+').slice(0, 2).join('+')
}

export type TrustOptions = {
  /** The key itself, as text. */
  vkey?: string | undefined
  /** Takes the key that lies beside the log, which pins nothing. */
  unpinned?: boolean | undefined
}

/**
 * The key to verify a log with: the one given, else the one pinned for its name. What lies beside the log is taken only
 * where that is asked for.
 *
 * @throws BAD_INPUT when nobody says whose log it is, FILE_MISSING, EVIDENCE_MALFORMED when what lies there is damaged
 */
export async function trustedKey(place: LogPlace, { vkey, unpinned }: TrustOptions, pins: Pins): Promise<TrustedKey> {
  if (vkey !== undefined) return { key: parseVkey(nodeCrypto, vkey), pinnedBy: '--vkey' }
  const note = await noteOf(place)
  const signed = note === null ? null : asCheckpoint(note)
  const pinned = pins.logs.filter(({ name }) => name === signed?.origin)
  // Of several keys of one name, old and new, the one that signed.
  const key = pinned.find(({ id }) => signed?.note.signatures.some(by => equalBytes(by.id, id))) ?? pinned[0]
  if (key !== undefined) return { key, pinnedBy: pins.file }
  const beside = await keyBeside(place)
  if (unpinned) {
    if (beside === null)
      throw new WarrantError('FILE_MISSING', `no key lies beside ${place.where}: give the log's key with --vkey`)
    return { key: damagedIsEvidence(beside), pinnedBy: null }
  }
  const origin = signed === null ? 'a log without a readable checkpoint' : `a log that calls itself ${signed.origin}`
  throw new WarrantError('BAD_INPUT', `${place.where} is ${origin}: nothing that you trust says whose it is`, {
    details: [
      `give its key with --vkey KEY, or keep it on a line of ./${PINS} (--vkey-file FILE for another file)`,
      ...(pins.file === null ? [] : [`${pins.file} holds no key of that name`]),
      beside === null
        ? 'no key lies beside it'
        : `the key beside it is what the log says of itself: --unpinned takes that one, which pins nothing`,
    ].join('\n'),
  })
}

/** @throws EVIDENCE_MALFORMED: a key beside a log is part of it */
function damagedIsEvidence(beside: string): NoteKey {
  try {
    return parseVkey(nodeCrypto, beside)
  } catch (error) {
    throw new WarrantError('EVIDENCE_MALFORMED', `vkey: ${(error as WarrantError).shortMessage}`, { cause: error })
  }
}

function asCheckpoint(note: string): { origin: string; note: SignedNote } | null {
  try {
    const parsed = parseNote(note)
    return { origin: parseCheckpoint(parsed.text).origin, note: parsed }
  } catch {
    return null
  }
}

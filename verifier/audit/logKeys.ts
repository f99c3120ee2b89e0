import { fromHex, fromUtf8 } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { type AnyRecord, decodeRecord } from '#verifier/evidence/record.ts'
import { type Handover, handoverBytes } from '#verifier/evidence/records/handover.ts'
import { formatVkey, type NoteKey, parseVkey } from '#verifier/log/signedNote.ts'

/** In canonical JSON no text holds these bytes: quotes inside one are escaped. */
const MAY_NAME_KEYS = /"kind":"(handover|run)"/

/** A log's keys in order after some more entries: of a first run, then of each handover. What cannot be read names none. */
export function keyChain(before: readonly string[], entries: readonly Uint8Array[]): string[] {
  const chain = [...before]
  for (const entry of entries) {
    const record = readable(entry)
    if (record?.kind === 'handover') chain.push(record.body.to)
    else if (record?.kind === 'run' && chain.length === 0) chain.push(record.body.keys.log)
  }
  return chain
}

/** Whether an entry hands a log over. */
export const isHandover = (entry: Uint8Array): boolean => readable(entry)?.kind === 'handover'

/** Keys that a log had before `key`, the latest first: as far back as handovers that both sides signed lead. `entries`: handovers in order. */
export function pastKeys(crypto: CryptoPort, entries: readonly Uint8Array[], key: NoteKey): NoteKey[] {
  const keys: NoteKey[] = []
  let to = key
  for (const entry of entries.toReversed()) {
    const record = readable(entry)
    if (record?.kind !== 'handover' || record.body.to !== formatVkey(to)) continue
    const from = signedBy(crypto, record.body, to)
    if (from === null) continue
    keys.push(from)
    to = from
  }
  return keys
}

/** The key that hands over to `to`, when both signed. */
function signedBy(crypto: CryptoPort, body: Handover, to: NoteKey): NoteKey | null {
  const bytes = handoverBytes(body)
  try {
    const from = parseVkey(crypto, body.from)
    const isOf = (key: NoteKey, signature: string) => crypto.verifyEd25519(key.publicKey, bytes, fromHex(signature))
    return from.name === to.name && isOf(from, body.signatures.from) && isOf(to, body.signatures.to) ? from : null
  } catch {
    return null
  }
}

function readable(entry: Uint8Array): AnyRecord | null {
  try {
    return MAY_NAME_KEYS.test(fromUtf8(entry)) ? decodeRecord(entry) : null
  } catch {
    return null
  }
}

/** A key as people compare it: name and id. */
export const shortVkey = (vkey: string): string => vkey.split('+').slice(0, 2).join('+')

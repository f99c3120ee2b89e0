import { type AnyRecord, encodeRecord } from '#verifier/evidence/record.ts'
import { toWellFormed } from '#verifier/evidence/toWellFormed.ts'

/** A record as the log takes it, with its bytes. */
export type Recordable = { record: AnyRecord; entry: Uint8Array }

/** The door of the log: text that is no Unicode is recorded with U+FFFD, so that no word of anybody's ends a run. @throws EVIDENCE_MALFORMED */
export function recordable(record: AnyRecord): Recordable {
  try {
    return { record, entry: encodeRecord(record) }
  } catch (error) {
    const wellFormed = toWellFormed(record)
    if (wellFormed === record) throw error
    return { record: wellFormed, entry: encodeRecord(wellFormed) }
  }
}

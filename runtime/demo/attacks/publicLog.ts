import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { fromBase64, toHex } from '#verifier/evidence/bytes.ts'
import { type AnyRecord, decodeRecord } from '#verifier/evidence/record.ts'
import { hashLeaf } from '#verifier/log/merkle.ts'

/** What anyone can read of a log over HTTP. */
export async function readPublicLog(
  url: string,
): Promise<{ note: string; entries: string[]; records: { leafHash: string; record: AnyRecord }[] }> {
  const { note } = (await (await fetch(`${url}/v1/checkpoint`)).json()) as { note: string }
  const size = Number(note.split('\n')[1])
  const entries: string[] = []
  while (entries.length < size) {
    const answer = await fetch(`${url}/v1/entries?from=${entries.length}&to=${size}`)
    const { entries: part } = (await answer.json()) as { entries: string[] }
    if (part.length === 0) throw new Error(`the log ends at ${entries.length} of ${size} entries`)
    for (const entry of part) entries.push(entry)
  }
  const records = entries.map(entry => {
    const bytes = fromBase64(entry)
    return { leafHash: toHex(hashLeaf(nodeCrypto, bytes)), record: decodeRecord(bytes) }
  })
  return { note, entries, records }
}

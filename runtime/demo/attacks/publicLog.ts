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
  const { entries } = (await (await fetch(`${url}/v1/entries?from=0&to=${size}`)).json()) as { entries: string[] }
  const records = entries.map(entry => {
    const bytes = fromBase64(entry)
    return { leafHash: toHex(hashLeaf(nodeCrypto, bytes)), record: decodeRecord(bytes) }
  })
  return { note, entries, records }
}

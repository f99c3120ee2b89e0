import { callPeer } from '#runtime/api/callPeer.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { toHex, utf8 } from '#verifier/evidence/bytes.ts'
import { formatAddCheckpoint } from './addCheckpoint.ts'

export type WitnessReply = { status: number; body: string }

const WITHIN_MS = 10_000
/** Bytes of an answer: a signature line, a size, or a checkpoint. */
const MOST_BYTES = 64 * 1024

/** Asks a witness to cosign a checkpoint. `proof`: consistency from `old`. @throws UNREACHABLE, REFUSED */
export async function askWitness(
  url: string,
  { old, proof, note }: { old: number; proof: readonly Uint8Array[]; note: string },
  withinMs = WITHIN_MS,
): Promise<WitnessReply> {
  const { status, text } = await callPeer({
    ...{ url: `${url}/add-checkpoint`, who: 'witness', method: 'POST', withinMs, mostBytes: MOST_BYTES },
    body: formatAddCheckpoint({ old, proof, note }),
  })
  return { status, body: text }
}

/** The last checkpoint of a log that a witness shows (tlog-witness, "Monitor Retrieval Mechanism"); null when it shows none. @throws UNREACHABLE, REFUSED */
export async function latestOf(url: string, origin: string, withinMs = WITHIN_MS): Promise<string | null> {
  const path = `${toHex(nodeCrypto.sha256(utf8(origin)))}/checkpoint`
  const { status, text } = await callPeer({ url: `${url}/${path}`, who: 'witness', withinMs, mostBytes: MOST_BYTES })
  return status === 200 ? text : null
}

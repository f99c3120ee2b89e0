import { fromBase64, fromUtf8, toBase64 } from '#verifier/evidence/bytes.ts'
import { MOST_TREE_SIZE } from '#verifier/log/treeHead.ts'

/** What add-checkpoint asks of a witness (C2SP tlog-witness). */
export type AddCheckpoint = { old: bigint; proof: readonly Uint8Array[]; note: string }

/** Hashes in a consistency proof at most. */
const MOST_HASHES = 63
const MOST_BYTES = 1_000_000

/** The request's body: `old SIZE`, proof lines, an empty line, the checkpoint. */
export function formatAddCheckpoint({
  old,
  proof,
  note,
}: { old: number | bigint } & Omit<AddCheckpoint, 'old'>): string {
  return `old ${old}\n${proof.map(hash => `${toBase64(hash)}\n`).join('')}\n${note}`
}

/** The request in a body; null when it is malformed. */
export function parseAddCheckpoint(body: Uint8Array): AddCheckpoint | null {
  if (body.length > MOST_BYTES) return null
  try {
    const text = fromUtf8(body)
    const split = text.indexOf('\n\n')
    if (split < 0) return null
    const [first = '', ...lines] = text.slice(0, split).split('\n')
    const digits = /^old (0|[1-9][0-9]{0,18})$/.exec(first)?.[1]
    if (digits === undefined || BigInt(digits) > MOST_TREE_SIZE || lines.length > MOST_HASHES) return null
    const proof = lines.map(fromBase64)
    if (proof.some(hash => hash.length !== 32)) return null
    return { old: BigInt(digits), proof, note: text.slice(split + 2) }
  } catch {
    return null
  }
}

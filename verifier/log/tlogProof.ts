import { fromBase64, toBase64 } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { hashLeaf, verifyInclusion } from './merkle.ts'
import type { NoteKey } from './signedNote.ts'

const HEADER = 'c2sp.org/tlog-proof@v1'

/** An offline proof that an entry is in a log (C2SP tlog-proof): its index, the inclusion proof, the signed checkpoint. */
export type TlogProof = { index: number; hashes: readonly Uint8Array[]; note: string }

/** The proof as text. */
export function formatProof({ index, hashes, note }: TlogProof): string {
  return `${HEADER}\nindex ${index}\n${hashes.map(hash => `${toBase64(hash)}\n`).join('')}\n${note}`
}

/** The proof in text; its optional `extra` line has no meaning here and is refused. @throws EVIDENCE_MALFORMED */
export function parseProof(text: string): TlogProof {
  const malformed = (reason: string) => new WarrantError('EVIDENCE_MALFORMED', `tlog-proof: ${reason}`)
  const split = text.indexOf('\n\n')
  if (split < 0 || text.length > 1_000_000) throw malformed('no empty line before the checkpoint')
  const [header, index, ...lines] = text.slice(0, split).split('\n')
  if (header !== HEADER) throw malformed(`does not begin with ${HEADER}`)
  const digits = /^index (0|[1-9][0-9]{0,15})$/.exec(index ?? '')?.[1]
  if (digits === undefined || !Number.isSafeInteger(Number(digits))) throw malformed('the second line is no index')
  const hashes = lines.map(fromBase64)
  if (hashes.length > 63 || hashes.some(hash => hash.length !== 32)) throw malformed('a line is no hash')
  return { index: Number(digits), hashes, note: text.slice(split + 2) }
}

/** The checkpoint under which `entry` stands at the proof's index. @throws EVIDENCE_MALFORMED when it does not */
export function openProof(
  crypto: CryptoPort,
  { proof, entry, key }: { proof: TlogProof; entry: Uint8Array; key: NoteKey },
): Checkpoint {
  const checkpoint = openCheckpoint(crypto, proof.note, key)
  const { size, root } = checkpoint
  const leaf = hashLeaf(crypto, entry)
  if (!verifyInclusion(crypto, { leaf, index: proof.index, size, root, proof: [...proof.hashes] }))
    throw new WarrantError('EVIDENCE_MALFORMED', `the entry does not stand at index ${proof.index} of ${key.name}`)
  return checkpoint
}

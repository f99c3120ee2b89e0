import { join } from 'node:path'
import type { Ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { utf8 } from '#verifier/evidence/bytes.ts'
import { formatCheckpoint } from '#verifier/log/checkpoint.ts'
import { createFrontier } from '#verifier/log/frontier.ts'
import { hashLeaf } from '#verifier/log/merkle.ts'
import { formatNote, noteKey } from '#verifier/log/signedNote.ts'
import { writeDurably } from './disk.ts'
import { createTileWriter } from './tileWriter.ts'

/** Writes tiles and a signed checkpoint for entries into `dir`, which must not hold tiles. Returns the note. */
export function rebuildLog({
  dir,
  origin,
  signer,
  entries,
}: {
  dir: string
  origin: string
  signer: Ed25519Signer
  entries: Iterable<Uint8Array>
}): string {
  const key = noteKey(nodeCrypto, origin, signer.publicKey)
  const frontier = createFrontier(nodeCrypto)
  const tiles = createTileWriter(dir)
  for (const entry of entries) {
    tiles.entry(entry)
    frontier.append(hashLeaf(nodeCrypto, entry), tiles.node)
  }
  tiles.flush()
  const text = formatCheckpoint({ origin, size: frontier.size, root: frontier.root() })
  const note = formatNote(text, [{ name: origin, id: key.id, signature: signer.sign(utf8(text)) }])
  writeDurably(join(dir, 'checkpoint'), utf8(note))
  return note
}

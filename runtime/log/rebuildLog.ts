import { join } from 'node:path'
import type { Ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { utf8 } from '#verifier/evidence/bytes.ts'
import { formatCheckpoint } from '#verifier/log/checkpoint.ts'
import { hashLeaf } from '#verifier/log/merkle.ts'
import { formatNote, noteKey } from '#verifier/log/signedNote.ts'
import { writeDurably } from './disk.ts'
import { createMerkleTree } from './merkleTree.ts'
import { publishTiles } from './publishTiles.ts'

/** Entries held at a time: a multiple of what a tile of level 1 covers, so that few partial tiles are left behind. */
const CHUNK = 65_536

/** Writes tiles and a signed checkpoint for entries into `dir`, which must not hold tiles. Returns the note. */
export async function rebuildLog({
  dir,
  origin,
  signer,
  entries,
}: {
  dir: string
  origin: string
  signer: Ed25519Signer
  entries: Iterable<Uint8Array>
}): Promise<string> {
  const key = noteKey(nodeCrypto, origin, signer.publicKey)
  const tree = createMerkleTree()
  let held: Uint8Array[] = []
  let written = 0
  const publish = async (to: number) => {
    await publishTiles({ dir, tree, from: written, to, entries: (a, b) => held.slice(a - written, b - written) })
    held = held.slice(to - written)
    written = to
  }
  for (const entry of entries) {
    held.push(entry)
    tree.append(hashLeaf(nodeCrypto, entry))
    if (held.length === CHUNK) await publish(tree.size)
  }
  await publish(tree.size)
  const text = formatCheckpoint({ origin, size: tree.size, root: tree.root() })
  const note = formatNote(text, [{ name: origin, id: key.id, signature: signer.sign(utf8(text)) }])
  writeDurably(join(dir, 'checkpoint'), utf8(note))
  return note
}

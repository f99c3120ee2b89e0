import { existsSync, readdirSync, readFileSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { openCheckpoint } from '#verifier/log/checkpoint.ts'
import { hashLeaves } from '#verifier/log/merkle.ts'
import { formatVkey, type NoteKey, noteSignedBy, parseNote, parseVkey } from '#verifier/log/signedNote.ts'
import { decodeBundle, TILE_WIDTH, tilePath } from '#verifier/log/tiles.ts'

/**
 * Hands over the leaf hashes of the entries under the published checkpoint, in rows, in order. Returns its root, and the
 * key that signed it: `key`, or the one beside it while a handover is not published yet; null when nothing is published.
 *
 * @throws EVIDENCE_MISSING, EVIDENCE_MALFORMED
 */
export function restorePublished(
  dir: string,
  key: NoteKey,
  onLeaves: (leaves: Uint8Array) => void,
): { root: Uint8Array; vkey: string } | null {
  removeTemporary(dir)
  const path = join(dir, 'checkpoint')
  if (!existsSync(path)) return null
  const note = readFileSync(path, 'utf8')
  const signedBy = noteSignedBy(nodeCrypto, parseNote(note), key) ? key : keyBeside(dir, key)
  const { size, root } = openCheckpoint(nodeCrypto, note, signedBy)
  for (let index = 0; index * TILE_WIDTH < size; index++) {
    const { bytes, entries } = readBundle(dir, index, Math.min(TILE_WIDTH, size - index * TILE_WIDTH))
    onLeaves(hashLeaves(nodeCrypto, bytes, entries))
  }
  return { root, vkey: formatVkey(signedBy) }
}

/** The key that the log names as its own; `instead` where it names none that can be read. */
function keyBeside(dir: string, instead: NoteKey): NoteKey {
  try {
    return parseVkey(nodeCrypto, readFileSync(join(dir, 'vkey'), 'utf8').trim())
  } catch {
    return instead
  }
}

/** The first `width` entries of a bundle, from the partial file of that width or a later, fuller one. @throws EVIDENCE_MISSING, EVIDENCE_MALFORMED */
export function readBundle(dir: string, index: number, width: number): { bytes: Uint8Array; entries: Uint8Array[] } {
  const found = [width, TILE_WIDTH]
    .map(w => ({ w, path: join(dir, tilePath('entries', index, w)) }))
    .find(({ path }) => existsSync(path))
  if (found === undefined)
    throw new WarrantError('EVIDENCE_MISSING', `${join(dir, tilePath('entries', index, width))} is missing`)
  const bytes = readFileSync(found.path)
  const entries = decodeBundle(bytes, found.w).slice(0, width)
  return { bytes, entries }
}

/** A crash between writing a file and renaming it leaves the temporary one: nothing names it. */
function removeTemporary(dir: string): void {
  const inTiles = existsSync(join(dir, 'tile'))
    ? readdirSync(join(dir, 'tile'), { recursive: true, encoding: 'utf8' })
    : []
  for (const name of [...inTiles.map(path => join('tile', path)), 'checkpoint.tmp', 'vkey.tmp']) {
    if (name.endsWith('.tmp') && existsSync(join(dir, name))) unlinkSync(join(dir, name))
  }
}

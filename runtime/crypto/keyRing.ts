import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Ed25519Signer, openEd25519Key } from './ed25519Key.ts'

/** Where keys go that a rotation replaced: beside the key. */
export const retiredDir = (file: string): string => `${file}.retired`

/** Where the key waits that a rotation will put in its place. */
export const nextFile = (file: string): string => `${file}.next`

/**
 * A key and those that it replaced, the present one first: what was begun under an old key is ended under it. An old key's
 * file may be deleted once nothing is open under it.
 *
 * @throws BAD_INPUT
 */
export function openKeyRing(file: string): [Ed25519Signer, ...Ed25519Signer[]] {
  const dir = retiredDir(file)
  const retired = existsSync(dir) ? readdirSync(dir).filter(name => name.endsWith('.key')) : []
  return [openEd25519Key(file), ...retired.sort().map(name => openEd25519Key(join(dir, name)))]
}

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { type NoteKey, parseVkey } from '#verifier/log/signedNote.ts'

/** The key to verify a log with: the one given, else the one beside the log, which pins nothing and is said to. @throws FILE_MISSING, BAD_INPUT */
export function logKeyFor(dir: string, given: string | undefined): { key: NoteKey; pinned: boolean } {
  if (given !== undefined) return { key: parseVkey(nodeCrypto, given), pinned: true }
  const path = join(dir, 'vkey')
  if (!existsSync(path))
    throw new WarrantError('FILE_MISSING', `${path} is missing: give the log's verification key with --vkey`)
  return { key: parseVkey(nodeCrypto, readFileSync(path, 'utf8').replace(/\n$/, '')), pinned: false }
}

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { formatVkey, type NoteKey, parseVkey } from '#verifier/log/signedNote.ts'

/** A log's key as people compare it: its name and id. */
export function keyName(key: NoteKey): string {
  return formatVkey(key).split('+').slice(0, 2).join('+')
}

/** The key to verify a log with: the one given, else the one beside the log, which pins nothing and is said to. @throws FILE_MISSING, BAD_INPUT */
export function logKeyFor(dir: string, given: string | undefined): { key: NoteKey; pinned: boolean } {
  if (given !== undefined) return { key: parseVkey(nodeCrypto, given), pinned: true }
  const path = join(dir, 'vkey')
  if (!existsSync(path))
    throw new WarrantError('FILE_MISSING', `${path} is missing: give the log's verification key with --vkey`)
  return { key: parseVkey(nodeCrypto, readFileSync(path, 'utf8').replace(/\n$/, '')), pinned: false }
}

import { existsSync } from 'node:fs'
import { openEd25519Key } from '#runtime/crypto/ed25519Key.ts'
import { retirePayloads } from '#runtime/log/retirePayloads.ts'
import { equalBytes } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { logKeyFor } from './logKey.ts'

/** Drops payloads of a log that are older than so many days. @throws BAD_INPUT, FILE_MISSING, LOG_LOCKED, EVIDENCE_MALFORMED */
export async function retireFrom(
  dir: string,
  { key: keyFile, olderThanDays }: { key: string; olderThanDays: string },
): Promise<{ retired: number; kept: number }> {
  if (!/^\d{1,5}$/.test(olderThanDays))
    throw new WarrantError('BAD_INPUT', `--older-than-days must be a number of days, got ${olderThanDays}`)
  if (!existsSync(keyFile)) throw new WarrantError('FILE_MISSING', `${keyFile}: no such key file`)
  const { key } = logKeyFor(dir, undefined)
  const signer = openEd25519Key(keyFile)
  if (!equalBytes(signer.publicKey, key.publicKey))
    throw new WarrantError('BAD_INPUT', `${keyFile} is not the key of ${key.name}`)
  return retirePayloads({ dir, key, signer, beforeMs: Date.now() - Number(olderThanDays) * 86_400_000 })
}

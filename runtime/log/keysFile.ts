import { existsSync, readFileSync } from 'node:fs'
import { z } from 'zod'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { fromUtf8, toHex, utf8 } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { count } from '#verifier/evidence/primitives.ts'
import { holdsItsDigest } from '#verifier/log/verifyTree.ts'
import type { WalKey } from './wal.ts'

const keysFile = z.array(z.tuple([count, z.string()]))

/** The file that keeps idempotency keys while no log is open. */
export function formatKeys(keys: readonly WalKey[]): Uint8Array {
  const text = utf8(JSON.stringify(keys))
  return utf8(`${toHex(nodeCrypto.sha256(text))}\n${fromUtf8(text)}`)
}

/** Idempotency keys that a log closed in good order left behind: their SHA-256, then a JSON array. @throws EVIDENCE_MALFORMED */
export function readKeys(path: string): WalKey[] {
  if (!existsSync(path)) return []
  const bytes = readFileSync(path)
  if (!holdsItsDigest(nodeCrypto, bytes))
    throw new WarrantError('EVIDENCE_MALFORMED', `${path} is damaged: without it a step could be logged twice`)
  return keysFile.parse(JSON.parse(fromUtf8(bytes.subarray(65))))
}

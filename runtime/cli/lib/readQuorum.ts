import { existsSync, readFileSync } from 'node:fs'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { keepSecretsOf } from '#verifier/evidence/text/redact.ts'
import { parseQuorum, type Quorum } from '#verifier/log/quorum.ts'

/** A quorum file. @throws FILE_MISSING, BAD_CONFIG */
export function readQuorum(file: string): Quorum {
  if (!existsSync(file)) throw new WarrantError('FILE_MISSING', `${file}: no such quorum file`)
  const text = readFileSync(file, 'utf8')
  keepSecretsOf(text.split(/\s+/))
  return parseQuorum(nodeCrypto, text)
}

import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { refuseKeyAsName } from '#verifier/evidence/secp256k1.ts'
import { openVerifierKey } from '#verifier/service/key.ts'

/** Writes a new secp256k1 key unless the file exists; returns its address. */
export function makeKeyFile(file: string): string {
  refuseKeyAsName(file)
  if (!existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, `0x${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx' })
  }
  return openVerifierKey(file).address
}

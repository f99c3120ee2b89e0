import { existsSync } from 'node:fs'
import { newSecp256k1Key } from '#runtime/crypto/newSecp256k1Key.ts'
import { writeKeyFile } from '#runtime/crypto/writeKeyFile.ts'
import { refuseKeyAsName } from '#verifier/evidence/secp256k1.ts'
import { openVerifierKey } from '#verifier/service/key.ts'

/** Writes a new secp256k1 key unless the file exists; returns its address. @throws BAD_INPUT */
export function makeKeyFile(file: string): string {
  refuseKeyAsName(file)
  if (!existsSync(file)) writeKeyFile(file, newSecp256k1Key())
  return openVerifierKey(file).address
}

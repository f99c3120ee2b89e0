import { createPrivateKey, createPublicKey, randomBytes, sign } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { toHex } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { refuseKeyAsName } from '#verifier/evidence/secp256k1.ts'
import { writeKeyFile } from './writeKeyFile.ts'

const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/** An Ed25519 signer. `publicKey`: 32 bytes. The secret stays inside. */
export type Ed25519Signer = {
  readonly publicKey: Uint8Array
  readonly publicKeyHex: string
  sign(message: Uint8Array): Uint8Array
}

/** A signer from its 32-byte seed. */
export function ed25519Signer(seed: Uint8Array): Ed25519Signer {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
  const publicKey = new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32))
  return { publicKey, publicKeyHex: toHex(publicKey), sign: message => new Uint8Array(sign(null, message, key)) }
}

/** The signer whose seed stands in `file` as 64 hex digits; a new one is written when the file is missing (mode 0600). @throws BAD_INPUT */
export function openEd25519Key(file: string): Ed25519Signer {
  return ed25519Signer(openSeed(file))
}

/** A seed that nobody knows, as a key file holds it. */
export const newSeed = () => randomBytes(32).toString('hex')

/** The 32-byte seed of a key in `file`; a new one is written when the file is missing (mode 0600). @throws BAD_INPUT */
export function openSeed(file: string): Uint8Array {
  refuseKeyAsName(file)
  if (!existsSync(file)) writeKeyFile(file, newSeed())
  const text = readFileSync(file, 'utf8').trim()
  if (!/^[0-9a-f]{64}$/.test(text)) throw new WarrantError('BAD_INPUT', `${file}: expected a seed of 64 hex digits`)
  return new Uint8Array(Buffer.from(text, 'hex'))
}

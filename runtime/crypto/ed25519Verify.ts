import { createPublicKey, type KeyObject, verify } from 'node:crypto'

const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const keys = new Map<string, KeyObject>()

/** A signature and what it should be of; all raw bytes. */
export type Signed = { publicKey: Uint8Array; message: Uint8Array; signature: Uint8Array }

/** Whether an Ed25519 signature holds; what is no key or no signature does not. */
export function verifyEd25519({ publicKey, message, signature }: Signed): boolean {
  try {
    return verify(null, message, keyObject(publicKey), signature)
  } catch {
    return false
  }
}

function keyObject(publicKey: Uint8Array): KeyObject {
  const id = Buffer.from(publicKey).toString('latin1')
  let key = keys.get(id)
  if (key === undefined) {
    key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' })
    if (keys.size > 1_000) keys.clear()
    keys.set(id, key)
  }
  return key
}

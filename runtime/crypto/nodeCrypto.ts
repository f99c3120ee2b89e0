import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { nodeKernels } from './nodeKernels.ts'

const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const keys = new Map<string, KeyObject>()

// A call into OpenSSL costs more than the hashing of a short message does.
const SHORT = 192
const kernels = nodeKernels()

/** The crypto port on Node's native code, and on WebAssembly where messages are short or many. */
export const nodeCrypto: CryptoPort = {
  sha256: bytes => (bytes.length < SHORT ? kernels.sha256(bytes) : hash('sha256', bytes, 'buffer')),
  leafHashes: kernels.leafHashes,
  nodeHashes: kernels.nodeHashes,
  verifyEd25519(publicKey, message, signature) {
    try {
      return verify(null, message, keyObject(publicKey), signature)
    } catch {
      return false
    }
  },
  verifyEd25519Later: (publicKey, message, signature) =>
    new Promise(resolve => {
      try {
        verify(null, message, keyObject(publicKey), signature, (error, ok) => resolve(error === null && ok))
      } catch {
        resolve(false)
      }
    }),
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

import { createHash, hash } from 'node:crypto'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { verifyEd25519 } from './ed25519Verify.ts'
import { nodeKernels } from './nodeKernels.ts'
import { verifyLater } from './verifyLater.ts'

// A call into OpenSSL costs more than the hashing of a short message does.
const SHORT = 192
/** From here on setting up a hash of several parts costs less than copying them together. */
const LONG = 2_048
/** Where parts are put together, anew for each hash: hashing is synchronous, and keeps nothing. */
const joined = new Uint8Array(LONG)
const kernels = nodeKernels()

function sha256(...parts: Uint8Array[]): Uint8Array {
  if (parts.length === 1) return hashOf(parts[0] as Uint8Array)
  let size = 0
  for (const part of parts) size += part.length
  if (size > LONG) {
    const running = createHash('sha256')
    for (const part of parts) running.update(part)
    return running.digest()
  }
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return hashOf(joined.subarray(0, size))
}

const hashOf = (bytes: Uint8Array): Uint8Array =>
  bytes.length < SHORT ? kernels.sha256(bytes) : hash('sha256', bytes, 'buffer')

/** The crypto port on Node's native code, and on WebAssembly where messages are short or many. */
export const nodeCrypto: CryptoPort = {
  sha256,
  leafHashes: kernels.leafHashes,
  nodeHashes: kernels.nodeHashes,
  verifyEd25519: (publicKey, message, signature) => verifyEd25519({ publicKey, message, signature }),
  verifyEd25519Later: (publicKey, message, signature) => verifyLater({ publicKey, message, signature }),
}

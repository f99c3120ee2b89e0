import { createHash, hash } from 'node:crypto'
import { concat } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { verifyEd25519 } from './ed25519Verify.ts'
import { nodeKernels } from './nodeKernels.ts'
import { verifyLater } from './verifyLater.ts'

// A call into OpenSSL costs more than the hashing of a short message does.
const SHORT = 192
/** A hash of several parts costs more to set up than copying them together, where they are not long. */
const LONG = 2_048
const kernels = nodeKernels()

function sha256(...parts: Uint8Array[]): Uint8Array {
  let size = 0
  for (const part of parts) size += part.length
  if (parts.length > 1 && size >= LONG) {
    const running = createHash('sha256')
    for (const part of parts) running.update(part)
    return running.digest()
  }
  const [bytes] = parts.length === 1 ? (parts as [Uint8Array]) : [concat(...parts)]
  return size < SHORT ? kernels.sha256(bytes) : hash('sha256', bytes, 'buffer')
}

/** The crypto port on Node's native code, and on WebAssembly where messages are short or many. */
export const nodeCrypto: CryptoPort = {
  sha256,
  leafHashes: kernels.leafHashes,
  nodeHashes: kernels.nodeHashes,
  verifyEd25519: (publicKey, message, signature) => verifyEd25519({ publicKey, message, signature }),
  verifyEd25519Later: (publicKey, message, signature) => verifyLater({ publicKey, message, signature }),
}

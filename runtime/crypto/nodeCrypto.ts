import { hash } from 'node:crypto'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { verifyEd25519 } from './ed25519Verify.ts'
import { nodeKernels } from './nodeKernels.ts'
import { verifyLater } from './verifyLater.ts'

// A call into OpenSSL costs more than the hashing of a short message does.
const SHORT = 192
const kernels = nodeKernels()

/** The crypto port on Node's native code, and on WebAssembly where messages are short or many. */
export const nodeCrypto: CryptoPort = {
  sha256: bytes => (bytes.length < SHORT ? kernels.sha256(bytes) : hash('sha256', bytes, 'buffer')),
  leafHashes: kernels.leafHashes,
  nodeHashes: kernels.nodeHashes,
  verifyEd25519: (publicKey, message, signature) => verifyEd25519({ publicKey, message, signature }),
  verifyEd25519Later: (publicKey, message, signature) => verifyLater({ publicKey, message, signature }),
}

import { ed25519 } from '@noble/curves/ed25519'
import { sha256 } from '@noble/hashes/sha2'

/** Hashing and signature checks as a port: the same checks run in Node (native) and in a browser (pure JavaScript). */
export type CryptoPort = {
  /** SHA-256 of the parts in a row; 32 bytes. */
  sha256(...parts: Uint8Array[]): Uint8Array
  /** Ed25519 (RFC 8032). `publicKey`: 32 bytes, `signature`: 64 bytes. MUST return false, never throw, on bad input. */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
  /** The same off the caller's thread, where there is one: many checks at once then use more than one core. */
  verifyEd25519Later?(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>
  /** Leaf hashes SHA-256(0x00 ‖ entry) of the first `count` entries of a bundle, each after its 16-bit length: many at once. */
  leafHashes?(bundle: Uint8Array, count: number): Uint8Array
  /** Node hashes SHA-256(0x01 ‖ left ‖ right) of hashes in a row, pair by pair. */
  nodeHashes?(hashes: Uint8Array): Uint8Array
}

/** The port in pure JavaScript, for a browser. */
export const pureCrypto: CryptoPort = {
  sha256(...parts) {
    const hash = sha256.create()
    for (const part of parts) hash.update(part)
    return hash.digest()
  },
  verifyEd25519(publicKey, message, signature) {
    try {
      return ed25519.verify(signature, message, publicKey, { zip215: false })
    } catch {
      return false
    }
  },
}

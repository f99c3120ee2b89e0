import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js'
import type { Ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { mlDsaWitnessKey, witnessKey } from '#verifier/log/cosignature.ts'
import type { NoteKey } from '#verifier/log/signedNote.ts'

/** A key that a witness cosigns with. */
export type WitnessSigner = { key: NoteKey; sign(message: Uint8Array): Uint8Array }

/** A witness's Ed25519 key under its name. */
export function ed25519Witness(name: string, signer: Ed25519Signer): WitnessSigner {
  return { key: witnessKey(nodeCrypto, name, signer.publicKey), sign: message => signer.sign(message) }
}

/** A witness's ML-DSA-44 key under its name, from a seed of 32 bytes (FIPS 204, ξ). */
export function mlDsaWitness(name: string, seed: Uint8Array): WitnessSigner {
  const { publicKey, secretKey } = ml_dsa44.keygen(seed)
  return { key: mlDsaWitnessKey(nodeCrypto, name, publicKey), sign: message => ml_dsa44.sign(message, secretKey) }
}

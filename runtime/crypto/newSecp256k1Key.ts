import { randomBytes } from 'node:crypto'

/** A secp256k1 key that nobody knows, as a key file holds it; one in 2^127 tries is no key, and refused when it is read. */
export const newSecp256k1Key = () => `0x${randomBytes(32).toString('hex')}`

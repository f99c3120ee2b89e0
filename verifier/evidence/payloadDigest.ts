import { utf8 } from './bytes.ts'
import { type CryptoPort, pureCrypto } from './crypto.ts'
import { digestBytes, digestJson } from './digest.ts'
import type { ModelInput } from './records/request.ts'

/** Digest of a model's input or output: type, shape and every byte. */
export function payloadDigest(payload: ModelInput, crypto: CryptoPort = pureCrypto): string {
  return payload.type === 'tensor'
    ? digestJson('tensor', payload.tensor, crypto)
    : digestBytes('chat', utf8(payload.body), crypto)
}

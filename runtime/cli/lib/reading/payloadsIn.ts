import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { parseWarrant } from '#verifier/audit/verifyWarrant.ts'
import { fromBase64, toHex } from '#verifier/evidence/bytes.ts'
import { decodePack } from '#verifier/log/blobPack.ts'
import type { LogPlace } from './logPlace.ts'

/** Payloads that lie with a log, by their digest; bytes that do not have theirs are as good as missing. */
export async function payloadsIn(place: LogPlace): Promise<Map<string, Uint8Array>> {
  const held = new Map<string, Uint8Array>()
  const keep = (sha256: string, bytes: Uint8Array) => {
    if (toHex(nodeCrypto.sha256(bytes)) === sha256) held.set(sha256, bytes)
  }
  if (place.kind === 'warrant') {
    for (const { sha256, bytes } of parseWarrant(place.bytes).payloads) keep(sha256, fromBase64(bytes))
    return held
  }
  for (const path of (await place.files.list()).filter(name => name.startsWith('blobs/')).sort()) {
    try {
      for (const { sha256, bytes } of decodePack((await place.files.read(path)) ?? new Uint8Array(0)))
        keep(sha256, bytes)
    } catch {
      // A torn pack is a finding of the verification; what stands before the tear is usable.
    }
  }
  return held
}

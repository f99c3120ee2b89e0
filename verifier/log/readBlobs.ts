import { toHex } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { BlobRef } from '#verifier/evidence/primitives.ts'
import { decodePack } from './blobPack.ts'
import type { LogFiles } from './verifyTree.ts'

/** Blobs of a log directory by digest; bytes that do not have their digest are as good as missing. */
export async function readBlobs(files: LogFiles, crypto: CryptoPort): Promise<(ref: BlobRef) => Uint8Array> {
  const index = new Map<string, Uint8Array>()
  for (const path of (await files.list()).filter(name => name.startsWith('blobs/'))) {
    try {
      for (const blob of decodePack((await files.read(path)) ?? new Uint8Array(0))) index.set(blob.sha256, blob.bytes)
    } catch {
      // A torn pack is a finding of the verification that follows; what stands before the tear is usable.
    }
  }
  return ref => {
    const bytes = index.get(ref.sha256)
    if (bytes === undefined || toHex(crypto.sha256(bytes)) !== ref.sha256)
      throw new WarrantError('EVIDENCE_MISSING', `blob ${ref.sha256} is missing: the log is whole, this payload is not`)
    return bytes
  }
}

import { toHex } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { reasonOf } from '#verifier/evidence/error.ts'
import { decodePack } from './blobPack.ts'
import type { LogFiles } from './verifyTree.ts'

/** Hashes every payload of every pack, takes the packs off `rest`; sizes by digest. */
export async function verifyBlobs(
  files: LogFiles,
  crypto: CryptoPort,
  rest: Set<string>,
  find: (where: string, reason: string) => void,
): Promise<Map<string, number>> {
  const blobs = new Map<string, number>()
  for (const path of [...rest].filter(name => /^blobs\/pack-\d{6}$/.test(name)).sort()) {
    rest.delete(path)
    try {
      for (const { sha256, bytes, offset } of decodePack((await files.read(path)) ?? new Uint8Array(0))) {
        if (toHex(crypto.sha256(bytes)) !== sha256)
          find(path, `the blob at byte ${offset} is not what its digest names`)
        else blobs.set(sha256, bytes.length)
      }
    } catch (error) {
      find(path, reasonOf(error))
    }
  }
  return blobs
}

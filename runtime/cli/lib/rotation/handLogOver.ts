import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { createCosigner } from '#runtime/log/cosigner.ts'
import { writeDurably } from '#runtime/log/disk.ts'
import { type Log, openLog } from '#runtime/log/openLog.ts'
import { utf8 } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { formatNote, noteKey, parseNote } from '#verifier/log/signedNote.ts'
import { readQuorum } from '../readQuorum.ts'

export type HandLogOver = {
  dir: string
  origin: string
  present: Ed25519Signer
  next: Ed25519Signer
  quorum?: string | undefined
}

/**
 * Hands a closed log over to its next key, and publishes it under that. Begun again after a crash it goes on.
 *
 * @throws FILE_MISSING, LOG_LOCKED while its writer runs, EVIDENCE_MALFORMED when it is under another key
 */
export async function handLogOver({
  dir,
  origin,
  present,
  next,
  quorum,
}: HandLogOver): Promise<{ vkey: string; size: number }> {
  if (!existsSync(join(dir, 'checkpoint')))
    throw new WarrantError('FILE_MISSING', `${dir} holds no checkpoint: give the directory of a log that was closed`)
  const cosigner = quorum === undefined ? null : createCosigner(readQuorum(quorum))
  const open = (signer: Ed25519Signer) => openLog({ dir, origin, signer, cosigner, clock: { nowMs: () => Date.now() } })
  let log: Log
  try {
    log = open(present)
  } catch (error) {
    if (!(error instanceof WarrantError) || error.code !== 'EVIDENCE_MALFORMED') throw error
    // Handed over before a crash: only the keys were not put in their places.
    log = open(next)
    await log.close()
    return { vkey: log.vkey, size: log.size }
  }
  signRetired(dir, origin, [present, next])
  await log.handOver(next)
  await log.close()
  return { vkey: log.vkey, size: log.size }
}

/** What a log says of payloads that it no longer keeps must stand under either key, before the first tree of the new one. */
function signRetired(dir: string, origin: string, signers: readonly Ed25519Signer[]): void {
  const path = join(dir, 'retired')
  if (!existsSync(path)) return
  const { text } = parseNote(readFileSync(path, 'utf8'))
  const lines = signers.map(({ publicKey, sign }) => {
    const { name, id } = noteKey(nodeCrypto, origin, publicKey)
    return { name, id, signature: sign(utf8(text)) }
  })
  writeDurably(path, utf8(formatNote(text, lines)))
}

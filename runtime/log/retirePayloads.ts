import { existsSync, readFileSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { verifyLog } from '#verifier/audit/verifyLog.ts'
import { concatAll, utf8 } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { decodePack, encodePacked } from '#verifier/log/blobPack.ts'
import { formatRetired, openRetired } from '#verifier/log/retired.ts'
import { formatNote, type NoteKey } from '#verifier/log/signedNote.ts'
import { takeLock } from '#verifier/service/takeLock.ts'
import { syncDirectory, writeDurably } from './disk.ts'
import { openLogFiles } from './logFiles.ts'

export type RetirePayloadsParameters = {
  dir: string
  key: NoteKey
  signer: Ed25519Signer
  /** Payloads named by no record of this time or later are dropped; milliseconds since 1970. */
  beforeMs: number
}

/** Kinds of records that name payloads: a strategy and models, a trace, facts. */
const NAMING = ['run', 'request', 'response', 'verdict'] as const

/**
 * Drops old payloads of a closed log. First the log's signed word that it no longer keeps them is durable, then they go:
 * a crash between leaves payloads that are retired and still there, which is no harm. Entries and tree stay as they are.
 *
 * @throws EVIDENCE_MALFORMED when the log does not verify, LOG_LOCKED while it is open
 */
export async function retirePayloads({ dir, key, signer, beforeMs }: RetirePayloadsParameters): Promise<{
  retired: number
  kept: number
}> {
  if (existsSync(join(dir, 'state', 'lock')))
    throw new WarrantError('LOG_LOCKED', `${dir} is open, or was not closed: close it first`)
  const unlock = takeLock(join(dir, 'retire.lock'), 'these payloads')
  try {
    const files = openLogFiles(dir)
    const newest = new Map<string, number>()
    const listed = { ...files, list: async () => (await files.list()).filter(path => path !== 'retire.lock') }
    let named = 0
    const report = await verifyLog({ files: listed, crypto: nodeCrypto, key }, (leafHash, _index, records) => {
      const dated = NAMING.map(kind => records.find(leafHash, kind)).find(record => record !== null)
      for (; named < records.blobs.length; named++) {
        const { sha256 } = (records.blobs[named] as (typeof records.blobs)[number]).ref
        newest.set(sha256, Math.max(newest.get(sha256) ?? 0, dated?.atMs ?? Number.POSITIVE_INFINITY))
      }
    })
    const [finding] = report.findings
    if (finding !== undefined)
      throw new WarrantError('EVIDENCE_MALFORMED', `${dir} does not verify: ${finding.where}: ${finding.reason}`)
    const old = new Set([...newest].flatMap(([sha256, atMs]) => (atMs < beforeMs ? [sha256] : [])))
    const note = await files.read('retired')
    const before = note === null ? [] : openRetired(nodeCrypto, Buffer.from(note).toString('utf8'), key)
    const text = formatRetired(key.name, [...before, ...old])
    const signature = { name: key.name, id: key.id, signature: signer.sign(utf8(text)) }
    if (old.size > 0) writeDurably(join(dir, 'retired'), utf8(formatNote(text, [signature])))
    let kept = 0
    for (const path of (await files.list()).filter(name => name.startsWith('blobs/'))) {
      const left: Uint8Array[] = []
      for (const { sha256, bytes } of decodePack(readFileSync(join(dir, path))))
        if (!old.has(sha256)) left.push(encodePacked(sha256, bytes))
      kept += left.length
      if (left.length > 0) writeDurably(join(dir, path), concatAll(left))
      else unlinkSync(join(dir, path))
    }
    if (existsSync(join(dir, 'blobs'))) syncDirectory(join(dir, 'blobs'))
    return { retired: old.size, kept }
  } finally {
    unlock()
  }
}

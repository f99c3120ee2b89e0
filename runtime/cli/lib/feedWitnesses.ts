import { existsSync, rmdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { createCosigner } from '#runtime/log/cosigner.ts'
import { makeDirectory, writeDurably } from '#runtime/log/disk.ts'
import { readTiledTree } from '#runtime/log/tiledTree.ts'
import { fromUtf8, utf8 } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { formatNote, type NoteSignature, noteSignaturesOf, parseNote, parseVkey } from '#verifier/log/signedNote.ts'
import { openTreeHead } from '#verifier/log/treeHead.ts'
import { takeLock } from '#verifier/service/takeLock.ts'
import { createPrinter, printJson } from './output.ts'
import { openLogPlace } from './reading/logPlace.ts'
import { readQuorum } from './readQuorum.ts'

export type FeedOptions = { vkey: string; origin?: string; quorum: string; out?: string; json?: true }

/**
 * Submits a log's latest checkpoint to witnesses, with the proofs that its tiles give, and keeps their cosignatures
 * beside those that it had. Returns the exit code: 0 when the quorum is met.
 *
 * @throws FILE_MISSING, UNREACHABLE, BAD_INPUT, EVIDENCE_MALFORMED, LOG_BEHIND when a witness has seen more, or another tree,
 * LOG_LOCKED while the directory's own writer is at work
 */
export async function feedWitnesses(where: string, options: FeedOptions): Promise<number> {
  const key = parseVkey(nodeCrypto, options.vkey)
  const origin = options.origin ?? key.name
  const quorum = readQuorum(options.quorum)
  if (quorum.witnesses.every(({ url }) => url === null))
    throw new WarrantError('BAD_INPUT', `${options.quorum}: no witness has a URL to ask it at`)
  const isDirectory = existsSync(where) && statSync(where).isDirectory()
  const out = options.out ?? (isDirectory ? join(where, 'checkpoint') : null)
  if (out === null) throw new WarrantError('BAD_INPUT', 'feeding a log from elsewhere needs --out FILE')
  const unlock = options.out === undefined ? lockDirectory(where) : () => {}
  try {
    const place = await openLogPlace(where)
    if (place.kind === 'warrant')
      throw new WarrantError('BAD_INPUT', `${where}: holds decisions, not the tiles of a log`)
    const { files } = place
    const bytes = await files.read('checkpoint')
    if (bytes === null) throw new WarrantError('FILE_MISSING', `${where} holds no checkpoint`)
    const head = openTreeHead(nodeCrypto, fromUtf8(bytes), { origin, keys: [key] })
    const tree = await readTiledTree(files, head)
    const own = noteSignaturesOf(nodeCrypto, head.note, key) ?? []
    const cosigner = createCosigner(quorum, { deadlineMs: 10_000, graceMs: 10_000 })
    const cosigned = await cosigner.cosign({
      note: formatNote(head.note.text, own),
      origin,
      size: tree.size,
      keys: [key],
      consistencyProof: from => tree.consistencyProof(from),
      rootAt: size => (size <= tree.size ? tree.root(size) : null),
    })
    const note = withOlder(cosigned, head.note.signatures)
    place.close()
    writeDurably(out, utf8(note))
    const { met, cosigned: by } = quorum.check(nodeCrypto, parseNote(note))
    report(options, { origin, size: tree.size, out, met, by, silent: cosigner.silent })
    return met ? 0 : 1
  } finally {
    unlock()
  }

  /** The new note with the lines of before whose signer did not sign again. */
  function withOlder(note: string, older: readonly NoteSignature[]): string {
    const { text, signatures } = parseNote(note)
    const id = (line: NoteSignature) => `${line.name} ${line.id.join('.')}`
    const now = new Set(signatures.map(id))
    return formatNote(text, [...signatures, ...older.filter(line => !now.has(id(line)))])
  }
}

/** Keeps the log's writer out by its own lock. A log that is open asks its witnesses itself. @throws LOG_LOCKED */
function lockDirectory(dir: string): () => void {
  const state = join(dir, 'state')
  makeDirectory(state)
  const unlock = takeLock(join(state, 'lock'), 'this log')
  return () => {
    unlock()
    try {
      rmdirSync(state)
    } catch (error) {
      // What a writer that was cut off left behind is its own.
      if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error
    }
  }
}

function report(
  { json, quorum }: FeedOptions,
  found: {
    origin: string
    size: number
    out: string
    met: boolean
    by: { name: string; timeSeconds: number }[]
    silent: ReadonlyMap<string, string>
  },
): void {
  const { origin, size, out, met, by, silent } = found
  if (json) return printJson({ origin, size, out, met, cosigned: by, silent: Object.fromEntries(silent) })
  const print = createPrinter(false)
  for (const { name, timeSeconds } of by)
    print(`  ${name} cosigned ${size} entries at ${new Date(1_000 * timeSeconds).toISOString()}`)
  for (const [name, reason] of silent) print(`  ${name} did not: ${reason}`)
  print(`${met ? 'ok' : 'NOT MET'}: the quorum of ${quorum} ${met ? 'is met' : 'is not met'} for ${origin}, in ${out}`)
}

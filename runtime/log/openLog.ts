import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { concat, equalBytes, toHex, utf8 } from '#verifier/evidence/bytes.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Clock } from '#verifier/evidence/ports/clock.ts'
import type { Appended, Appender, LogPort, RunLog } from '#verifier/evidence/ports/log.ts'
import { ACTOR_OF, type Actor, type AnyRecord, encodeRecord } from '#verifier/evidence/record.ts'
import { formatCheckpoint, openCheckpoint } from '#verifier/log/checkpoint.ts'
import { createFrontier } from '#verifier/log/frontier.ts'
import { hashLeaf } from '#verifier/log/merkle.ts'
import { formatNote, formatVkey, type NoteKey, noteKey } from '#verifier/log/signedNote.ts'
import { decodeBundle, TILE_WIDTH, tilePath } from '#verifier/log/tiles.ts'
import { openBlobStore } from './blobStore.ts'
import { makeDirectory, syncDirectory, writeDurably } from './disk.ts'
import { takeLock } from './lock.ts'
import { consistencyProof } from './proofs.ts'
import { createTileWriter } from './tileWriter.ts'
import { openWal } from './wal.ts'

const WAL_BYTES = 16 * 1024 * 1024
/** Entries in one batch at most: bounds what a crash can tear and how long an acknowledgement waits. */
const BATCH = 1_024

export type OpenLogParameters = {
  dir: string
  /** The log's name: its checkpoints' origin and its key's name. */
  origin: string
  signer: Ed25519Signer
  clock: Clock
}

export type Log = LogPort & {
  readonly vkey: string
  readonly root: string
  /** Consistency proof from the tree of the first `size` entries to the present one. */
  consistencyProof(size: number): Uint8Array[]
}

/**
 * Opens the log in `dir`, an empty one when there is none: takes the writer's lock, restores what is durable (the same
 * code that appends), and starts to take records. Layout: `checkpoint`, `vkey`, `tile/`, `blobs/` are published; `state/`
 * (write-ahead log, lock) exists while the log is open.
 *
 * @throws LOG_LOCKED, LOG_BEHIND (published tree and write-ahead log contradict each other), EVIDENCE_MALFORMED
 */
export function openLog({ dir, origin, signer, clock }: OpenLogParameters): Log {
  const state = join(dir, 'state')
  makeDirectory(state)
  const unlock = takeLock(join(state, 'lock'))
  try {
    return openLocked({ dir, origin, signer, clock }, state, unlock)
  } catch (error) {
    unlock()
    throw error
  }
}

function openLocked({ dir, origin, signer, clock }: OpenLogParameters, state: string, unlock: () => void): Log {
  const key = noteKey(nodeCrypto, origin, signer.publicKey)
  const frontier = createFrontier(nodeCrypto)
  const tiles = createTileWriter(dir)
  const entries: Uint8Array[] = []
  const blobs = openBlobStore(join(dir, 'blobs'))

  function apply(entry: Uint8Array): Uint8Array {
    const leaf = hashLeaf(nodeCrypto, entry)
    entries.push(entry)
    tiles.entry(entry)
    frontier.append(leaf, tiles.node)
    return leaf
  }

  // Restore: what is published, then what only the write-ahead log has.
  const published = readPublished(dir, key)
  for (const entry of published.entries) apply(entry)
  if (published.root !== null && !equalBytes(frontier.root(), published.root)) {
    throw new WarrantError('LOG_BEHIND', `${dir}: the published tiles do not have the root of the checkpoint`)
  }
  const { wal, start, entries: walled } = openWal(state, frontier.size)
  if (start > frontier.size)
    throw new WarrantError(
      'LOG_BEHIND',
      `${dir}: entries ${frontier.size} to ${start} are in neither tiles nor write-ahead log`,
    )
  if (start + walled.length < published.entries.length && walled.length > 0) {
    throw new WarrantError('LOG_BEHIND', `${dir}: the write-ahead log ends before the published checkpoint`)
  }
  for (const [i, entry] of walled.entries()) {
    const known = entries[start + i]
    if (known === undefined) apply(entry)
    else if (!equalBytes(known, entry))
      throw new WarrantError('LOG_BEHIND', `${dir}: entry ${start + i} differs between tiles and write-ahead log`)
  }
  if (walled.length === 0 && start < frontier.size) wal.rotate(frontier.size)

  let durableSize = frontier.size
  let halted: WarrantError | null = null
  let closed = false
  let queue: { entry: Uint8Array; resolve: () => void; reject: (error: unknown) => void }[] = []
  let writing: Promise<void> | null = null

  function halt(cause: unknown): WarrantError {
    halted ??= new WarrantError(
      'LOG_HALTED',
      `the log halted: ${reasonOf(cause)}: nothing may act until it is reopened`,
      {
        cause,
        retry: 'unknown',
      },
    )
    return halted
  }

  /** Group commit: whatever has come in while the last batch was being made durable goes into the next. */
  async function drain(): Promise<void> {
    // One turn of the event loop lets appends of the same tick share a batch.
    await null
    while (queue.length > 0 && halted === null) {
      const batch = queue.slice(0, BATCH)
      queue = queue.slice(BATCH)
      try {
        await blobs.flush()
        await wal.write(batch.map(item => item.entry))
        durableSize += batch.length
        for (const item of batch) item.resolve()
        if (wal.bytes > WAL_BYTES && publishNow()) wal.rotate(durableSize)
      } catch (error) {
        const reason = halt(error)
        for (const item of [...batch, ...queue]) item.reject(reason)
        queue = []
      }
    }
    writing = null
  }

  function append(record: AnyRecord): Appended {
    if (halted !== null) throw halted
    if (closed) throw new WarrantError('LOG_HALTED', 'the log is closed')
    const entry = encodeRecord(record)
    const leaf = apply(entry)
    const durable = new Promise<void>((resolve, reject) => queue.push({ entry, resolve, reject }))
    // A caller that does not wait is told by the next call, which throws.
    durable.catch(() => {})
    writing ??= drain()
    return { index: entries.length - 1, leafHash: toHex(leaf), record, durable }
  }

  async function settled(): Promise<void> {
    while (writing !== null) await writing
    if (halted !== null) throw halted
  }

  function sign(): string {
    const text = formatCheckpoint({ origin, size: frontier.size, root: frontier.root() })
    return formatNote(text, [{ name: origin, id: key.id, signature: signer.sign(utf8(text)) }])
  }

  /** Tiles first, then the checkpoint that needs them. False while `apply` is ahead of the disk: only durable entries are published. */
  function publishNow(): boolean {
    if (durableSize !== frontier.size) return false
    tiles.flush()
    writeDurably(join(dir, 'checkpoint'), utf8(sign()))
    if (!existsSync(join(dir, 'vkey'))) writeDurably(join(dir, 'vkey'), utf8(`${formatVkey(key)}\n`))
    return true
  }

  function startRun(runId: string): RunLog {
    const granted = new Set<Actor>()
    let seq = 0
    return {
      runId,
      appender(actor): Appender {
        if (granted.has(actor))
          throw new WarrantError('UNAUTHORIZED', `the log has already handed out this run's appender of ${actor}`)
        granted.add(actor)
        return {
          actor,
          append(kind, body, parents = []) {
            if (!Object.hasOwn(ACTOR_OF, kind) || !ACTOR_OF[kind].includes(actor))
              throw new WarrantError('UNAUTHORIZED', `${actor} may not append a ${kind} record`)
            const record = {
              v: 1,
              kind,
              runId,
              seq,
              atMs: clock.nowMs(),
              parents: [...parents],
              body,
            } as unknown as AnyRecord
            const appended = append(record)
            seq++
            return appended
          },
        }
      },
    }
  }

  return {
    vkey: formatVkey(key),
    startRun: () => startRun(randomBytes(16).toString('hex')),
    get size() {
      return entries.length
    },
    get root() {
      return toHex(frontier.root())
    },
    async entries(from, to) {
      return entries.slice(from, to)
    },
    consistencyProof: size =>
      consistencyProof(
        entries.map(entry => hashLeaf(nodeCrypto, entry)),
        size,
      ),
    async blob(ref) {
      return blobs.get(ref)
    },
    putBlob: bytes => blobs.put(bytes),
    async checkpoint() {
      await settled()
      return sign()
    },
    async publish() {
      await settled()
      publishNow()
    },
    async close() {
      if (closed) return
      await settled()
      closed = true
      publishNow()
      wal.close()
      blobs.close()
      unlock()
      rmSync(state, { recursive: true })
      syncDirectory(dir)
    },
  }
}

function readPublished(dir: string, key: NoteKey): { entries: Uint8Array[]; root: Uint8Array | null } {
  const path = join(dir, 'checkpoint')
  if (!existsSync(path)) return { entries: [], root: null }
  const { size, root } = openCheckpoint(nodeCrypto, readFileSync(path, 'utf8'), key)
  const entries: Uint8Array[] = []
  for (let index = 0; index * TILE_WIDTH < size; index++) {
    const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH)
    const file = [width, TILE_WIDTH].map(w => join(dir, tilePath('entries', index, w))).find(existsSync)
    if (file === undefined)
      throw new WarrantError('EVIDENCE_MISSING', `${join(dir, tilePath('entries', index, width))} is missing`)
    const bundle = readFileSync(file)
    const full = file.endsWith(`.p/${width}`) ? width : TILE_WIDTH
    for (const entry of decodeBundle(bundle, full).slice(0, width)) entries.push(concat(entry))
  }
  return { entries, root }
}

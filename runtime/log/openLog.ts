import { randomBytes } from 'node:crypto'
import { readdirSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { BACKWARD_MS, CLOCK_SET_BACK } from '#verifier/audit/rules/time.ts'
import { claimBytes, isClaimed } from '#verifier/evidence/authorship.ts'
import { equalBytes, toHex, utf8 } from '#verifier/evidence/bytes.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Clock } from '#verifier/evidence/ports/clock.ts'
import type { Appended, Appender, Author, LogPort, RunLog } from '#verifier/evidence/ports/log.ts'
import {
  ACTOR_OF,
  type Actor,
  type AnyRecord,
  decodeRecord,
  encodeRecord,
  RECORD_VERSION,
  type RecordKind,
} from '#verifier/evidence/record.ts'
import { toWellFormed } from '#verifier/evidence/toWellFormed.ts'
import { formatCheckpoint } from '#verifier/log/checkpoint.ts'
import { hashLeaf } from '#verifier/log/merkle.ts'
import { formatNote } from '#verifier/log/signedNote.ts'
import { TILE_WIDTH } from '#verifier/log/tiles.ts'
import { formatProof } from '#verifier/log/tlogProof.ts'
import { takeLock } from '#verifier/service/takeLock.ts'
import { createAdmission } from './admission.ts'
import { openBlobStore } from './blobStore.ts'
import type { Cosigner } from './cosigner.ts'
import { makeDirectory, syncDirectory, writeDurably } from './disk.ts'
import { formatKeys, readKeys } from './keysFile.ts'
import { createLogSigner, requireKeyInForce } from './logSigner.ts'
import { createMerkleTree } from './merkleTree.ts'
import { publishKey } from './publishKey.ts'
import { publishTiles } from './publishTiles.ts'
import { type Recordable, recordable } from './recordable.ts'
import { readBundle, restorePublished } from './restorePublished.ts'
import { openWal, type WalItem, type WalKey } from './wal.ts'

const WAL_BYTES = 16 * 1024 * 1024
/** Entries in one batch at most: bounds what a crash can tear and how long an acknowledgement waits. */
const BATCH = 1_024
/** Idempotency keys are remembered for at least this many entries back. */
const KEYS_KEPT = 65_536

export type OpenLogParameters = {
  dir: string
  /** The log's name: its checkpoints' origin and its key's name. */
  origin: string
  signer: Ed25519Signer
  clock: Clock
  /** Cosigns every checkpoint before it is handed out or published. */
  cosigner?: Cosigner | null
  /** Publishes this long after something new became durable; without it only when the write-ahead log is full, asked for, or closed. */
  publishEveryMs?: number | null
  /** Size of a write-ahead log segment that makes the log publish, and start the next. */
  walBytes?: number
}

export type Log = LogPort & {
  readonly vkey: string
  readonly root: string
  /** Consistency proof from the tree of the first `size` entries to the present one. */
  consistencyProof(size: number): Uint8Array[]
  /** Root of the tree of the first `size` entries. */
  rootAt(size: number): Uint8Array
  /** Goes on with a run that was not closed: its records so far end before `seq`. */
  resumeRun(runId: string, seq: number, author?: Author): RunLog
  /** Goes on under another key, from an entry on that both sign (evidence.md §7). @throws BAD_INPUT when it is its own */
  handOver(next: Ed25519Signer): Promise<void>
  /** Leaf hash of the last run record, which the next one names; null in a log without one. */
  lastRun(): string | null
}

/**
 * Opens the log in `dir`, an empty one when there is none: takes the writer's lock, restores what is durable (the same
 * code that appends), and starts to take records. Layout: `checkpoint`, `vkey`, `tile/`, `blobs/` are published; `state/`
 * (write-ahead log, lock) exists while the log is open.
 *
 * @throws LOG_LOCKED, LOG_BEHIND (published tree and write-ahead log contradict each other), EVIDENCE_MALFORMED
 */
export function openLog(parameters: OpenLogParameters): Log {
  const { dir } = parameters
  const state = join(dir, 'state')
  makeDirectory(state)
  const unlock = takeLock(join(state, 'lock'), 'this log')
  try {
    return openLocked(parameters, state, unlock)
  } catch (error) {
    unlock()
    throw error
  }
}

type Waiting = {
  item: WalItem
  key: WalKey | null
  resolve: () => void
  reject: (error: unknown) => void
}

function openLocked(
  { dir, origin, signer, clock, cosigner = null, publishEveryMs = null, walBytes = WAL_BYTES }: OpenLogParameters,
  state: string,
  unlock: () => void,
): Log {
  const logSigner = createLogSigner(origin, signer)
  const tree = createMerkleTree()
  const blobs = openBlobStore(join(dir, 'blobs'))
  // Restore: what is published, then what only the write-ahead log has.
  const published = restorePublished(dir, logSigner.key, leaves => tree.append(leaves))
  if (published !== null && !equalBytes(tree.root(), published.root)) {
    throw new WarrantError('LOG_BEHIND', `${dir}: the published tiles do not have the root of the checkpoint`)
  }
  let publishedSize = tree.size
  /** Entries from `publishedSize` on: older ones are read from their bundles. */
  let recent: Uint8Array[] = []
  const keys = new Map<string, number>()

  /** The one way into the tree: of a new batch once it is durable, and of one that the write-ahead log kept. */
  function apply(leaves: Uint8Array): void {
    tree.append(leaves)
  }

  const { wal, start, items: walled, keys: named } = openWal(state, tree.size)
  if (start > tree.size)
    throw new WarrantError(
      'LOG_BEHIND',
      `${dir}: entries ${tree.size} to ${start} are in neither tiles nor write-ahead log`,
    )
  if (start + walled.length < publishedSize && walled.length > 0) {
    throw new WarrantError('LOG_BEHIND', `${dir}: the write-ahead log ends before the published checkpoint`)
  }
  for (const [i, item] of walled.entries()) {
    const leaf = item.leaf ?? hashLeaf(nodeCrypto, item.entry)
    if (start + i >= tree.size) {
      recent.push(item.entry)
      apply(leaf)
    } else if (!equalBytes(tree.leaf(start + i), leaf))
      throw new WarrantError('LOG_BEHIND', `${dir}: entry ${start + i} differs between tiles and write-ahead log`)
  }
  requireKeyInForce(published?.vkey ?? null, recent, logSigner.key)
  const kept = readKeys(join(state, 'keys'))
  for (const [index, name] of [...kept, ...named]) if (index < tree.size) keys.set(name, index)
  // Everything that the write-ahead log held is published, and more: what comes needs a segment of its own.
  let mustRotate = start + walled.length < tree.size || kept.length > named.length

  /** Entries taken so far; the tree has those that are durable. */
  let size = tree.size
  let halted: WarrantError | null = null
  let closed = false
  let queue: Waiting[] = []
  let writing: Promise<void> | null = null
  /** Of the newest entry: entries become durable in order. */
  let last: Promise<void> = Promise.resolve()
  let publishing: Promise<void> = Promise.resolve()
  let timer: NodeJS.Timeout | null = null

  function halt(cause: unknown): WarrantError {
    halted ??= new WarrantError(
      'LOG_HALTED',
      `the log halted: ${reasonOf(cause)}: nothing may act until it is reopened`,
      {
        cause,
        retry: 'unknown',
      },
    )
    // It writes no more: whoever reopens it need not wait for this process to end.
    publishing.then(unlock, unlock)
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
        if (mustRotate) await rotate()
        mustRotate = false
        const named = batch.flatMap(({ key }) => (key === null ? [] : [key]))
        apply(
          await wal.write(
            batch.map(({ item }) => item),
            named,
          ),
        )
        for (const { resolve } of batch) resolve()
        if (publishEveryMs !== null) timer ??= setTimeout(publishOnTime, publishEveryMs)
        if (wal.bytes > walBytes) {
          await rotate()
          // A failure halts the log; the next append says so.
          publishNow().catch(() => {})
        }
      } catch (error) {
        const reason = halt(error)
        for (const item of [...batch, ...queue]) item.reject(reason)
        queue = []
      }
    }
    writing = null
  }

  function rotate(): Promise<void> {
    return wal.rotate(tree.size, recentKeys())
  }

  function recentKeys(): WalKey[] {
    for (const [name, index] of keys) if (index < tree.size - KEYS_KEPT) keys.delete(name)
    return [...keys].map(([name, index]) => [index, name] as const)
  }

  function append({ record, entry }: Recordable, name: string | null): Appended {
    if (halted !== null) throw halted
    if (closed) throw new WarrantError('LOG_HALTED', 'the log is closed')
    const item: WalItem = { entry, leaf: null }
    const index = size++
    recent.push(entry)
    if (name !== null) keys.set(name, index)
    // A run that is closed takes no more steps.
    if (record.kind === 'close')
      for (const known of keys.keys()) if (known.startsWith(`${record.runId}/`)) keys.delete(known)
    const durable = new Promise<void>((resolve, reject) =>
      queue.push({ item, key: name === null ? null : [index, name], resolve, reject }),
    )
    // A caller that does not wait is told by the next call, which throws.
    durable.catch(() => {})
    last = durable
    writing ??= drain()
    return {
      index,
      get leafHash() {
        item.leaf ??= hashLeaf(nodeCrypto, entry)
        return toHex(item.leaf)
      },
      record,
      durable,
    }
  }

  /** The record that was appended under `name` before, once it is durable. @throws BAD_INPUT when it was another one */
  function appendedAs(name: string, { record }: Recordable): Appended | null {
    const index = keys.get(name)
    if (index === undefined) return null
    const known = decodeRecord(entryAt(index))
    // Number and time are the log's own: all that the producer gave must be the same.
    if (!equalBytes(encodeRecord({ ...record, seq: known.seq, atMs: known.atMs }), encodeRecord(known)))
      throw new WarrantError('BAD_INPUT', `the idempotency key of entry ${index} is given again with other content`)
    return { index, leafHash: toHex(hashLeaf(nodeCrypto, encodeRecord(known))), record: known, durable: settled() }
  }

  function entryAt(index: number): Uint8Array {
    return index >= publishedSize
      ? (recent[index - publishedSize] as Uint8Array)
      : (readEntries(index, index + 1)[0] as Uint8Array)
  }

  /** Published entries [from, to), from their bundles. */
  function readEntries(from: number, to: number): Uint8Array[] {
    const entries: Uint8Array[] = []
    for (let bundle = Math.floor(from / TILE_WIDTH); bundle * TILE_WIDTH < to; bundle++) {
      const first = bundle * TILE_WIDTH
      const some = readBundle(dir, bundle, Math.min(TILE_WIDTH, publishedSize - first)).entries
      entries.push(...some.slice(Math.max(0, from - first), to - first))
    }
    return entries
  }

  /** Resolves once everything appended before the call is durable, whatever comes in meanwhile. */
  async function settled(): Promise<void> {
    if (halted !== null) throw halted
    await last
    if (halted !== null) throw halted
  }

  /** A signed checkpoint of what is durable. */
  function sign(): string {
    const text = formatCheckpoint({ origin, size: tree.size, root: tree.root() })
    return formatNote(text, [logSigner.sign(text, tree.size)])
  }

  /** The same, cosigned. A witness that shows more, or another tree, by what the log's own key signed, halts the log. */
  async function signCosigned(): Promise<string> {
    const note = sign()
    const { size: signed } = tree
    if (cosigner === null) return note
    try {
      return await cosigner.cosign({
        note,
        origin,
        size: signed,
        keys: logSigner.keys,
        consistencyProof: from => tree.consistencyProof(from, signed),
        rootAt: size => (size <= tree.size ? tree.root(size) : null),
      })
    } catch (error) {
      throw halt(error)
    }
  }

  /** Tiles first, then the checkpoint that needs them; one publication after the other, while appends go on. */
  function publishOnTime(): void {
    timer = null
    if (!closed) publishNow().catch(() => {})
  }

  function publishNow(): Promise<void> {
    publishing = publishing.then(publishDurable).catch(error => {
      throw halt(error)
    })
    publishing.catch(() => {})
    return publishing
  }

  async function publishDurable(): Promise<void> {
    const [from, to] = [publishedSize, tree.size]
    const first = from - (from % TILE_WIDTH)
    const head = first < from ? readEntries(first, from) : []
    const entries = (a: number, b: number) =>
      a < from ? [...head, ...recent.slice(0, b - from)] : recent.slice(a - from, b - from)
    const signing = signCosigned()
    const { vkey } = logSigner
    const note = await signing
    await publishTiles({ dir, tree, from, to, entries })
    writeDurably(join(dir, 'checkpoint'), utf8(note))
    // After the checkpoint: while it names the key of before, that one opens what a crash left.
    publishKey(dir, vkey)
    publishedSize = to
    recent = recent.slice(to - from)
    wal.drop(to)
  }

  /** Leaf hash of the last run record; undefined until it was looked for. */
  let lastRun: string | null | undefined

  function findLastRun(): string | null {
    for (let index = size - 1; index >= 0; index--) {
      const entry = entryAt(index)
      if (decodeRecord(entry).kind === 'run') return toHex(hashLeaf(nodeCrypto, entry))
    }
    return null
  }

  function runLog(runId: string, from: number, author?: Author): RunLog {
    const granted = new Set<Actor>()
    let seq = from
    let lastAtMs = from > 0 && size > 0 ? decodeRecord(entryAt(size - 1)).atMs : 0

    function recordOf(kind: RecordKind, body: unknown, parents: readonly string[], signature?: string): AnyRecord {
      const record = {
        v: RECORD_VERSION,
        kind,
        runId,
        seq,
        atMs: clock.nowMs(),
        parents: [...parents],
        body,
      } as AnyRecord
      if (signature !== undefined) return { ...record, signature }
      if (author === undefined || !isClaimed(record)) return record
      // What is signed is what will be recorded.
      const said = toWellFormed(record)
      return { ...said, signature: toHex(author.sign(claimBytes(said))) }
    }

    /** A clock that was set back is said once, and then followed; without an author to say it, time stands still. */
    function timed(made: Recordable): Recordable {
      const { record } = made
      const back = lastAtMs - record.atMs
      if (back <= BACKWARD_MS) {
        lastAtMs = Math.max(lastAtMs, record.atMs)
        return made
      }
      if (author === undefined) return recordable({ ...record, atMs: lastAtMs })
      const evidence = { fromMs: lastAtMs, toMs: record.atMs }
      const reason = `the log's clock went back by ${back} ms`
      append(recordable(recordOf('incident', { what: CLOCK_SET_BACK, caughtBy: 'log', reason, evidence }, [])), null)
      seq++
      lastAtMs = record.atMs
      return recordable({ ...record, seq })
    }
    return {
      runId,
      appender(actor): Appender {
        if (granted.has(actor))
          throw new WarrantError('UNAUTHORIZED', `the log has already handed out this run's appender of ${actor}`)
        granted.add(actor)
        return {
          actor,
          append(kind, body, parents = [], idempotencyKey, signature) {
            if (!Object.hasOwn(ACTOR_OF, kind) || !ACTOR_OF[kind].includes(actor))
              throw new WarrantError('UNAUTHORIZED', `${actor} may not append a ${kind} record`)
            const made = recordable(recordOf(kind, body, parents, signature))
            const name = idempotencyKey === undefined ? null : `${runId}/${actor}/${idempotencyKey}`
            const before = name === null ? null : appendedAs(name, made)
            if (before !== null) return before
            const appended = append(timed(made), name)
            seq++
            if (kind === 'run') lastRun = appended.leafHash
            return appended
          },
          faultsOf: (kind, body, parents = [], signature) =>
            admission.faultsOf(recordOf(kind, body, parents, signature)),
          knows: idempotencyKey => keys.has(`${runId}/${actor}/${idempotencyKey}`),
        }
      },
    }
  }

  async function entries(from: number, to: number): Promise<Uint8Array[]> {
    const end = Math.min(to, size)
    const old = from < publishedSize ? readEntries(from, Math.min(end, publishedSize)) : []
    return [...old, ...recent.slice(Math.max(0, from - publishedSize), Math.max(0, end - publishedSize))]
  }

  const admission = createAdmission({ start: size, size: () => size, entries })

  return {
    get vkey() {
      return logSigner.vkey
    },
    async handOver(next) {
      // What is handed over is all that there is: nothing may come between its root and the record.
      do await settled()
      while (size !== tree.size)
      const record = logSigner.handOver(next, { size, root: tree.root(), atMs: clock.nowMs() })
      await append(recordable(record), null).durable
      await publishNow()
    },
    startRun: author => runLog(randomBytes(16).toString('hex'), 0, author),
    lastRun() {
      lastRun ??= findLastRun()
      return lastRun
    },
    resumeRun(runId, seq, author) {
      admission.lookBack()
      return runLog(runId, seq, author)
    },
    get size() {
      return size
    },
    get root() {
      return toHex(tree.root())
    },
    rootAt: size => tree.root(size),
    entries,
    consistencyProof: size => tree.consistencyProof(size),
    async prove(index) {
      await settled()
      const { size: proven } = tree
      const note = await signCosigned()
      return formatProof({ index, hashes: tree.inclusionProof(index, proven), note })
    },
    async blob(ref) {
      return blobs.get(ref)
    },
    putBlob: bytes => blobs.put(bytes),
    async checkpoint() {
      await settled()
      return signCosigned()
    },
    async publish() {
      await settled()
      await publishNow()
    },
    async close() {
      if (closed) return
      await settled()
      closed = true
      if (timer !== null) clearTimeout(timer)
      while (writing !== null) await writing
      await publishNow()
      wal.close()
      blobs.close()
      // Steps may be sent again after a restart in good order, too.
      const kept = keys.size > 0 ? ['keys', 'lock'] : ['lock']
      if (keys.size > 0) writeDurably(join(state, 'keys'), formatKeys(recentKeys()))
      // The oldest segment first: what is left when a removal fails still reaches to the end.
      const names = readdirSync(state).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
      for (const name of names) if (!kept.includes(name)) rmSync(join(state, name), { force: true })
      unlock()
      removeEmpty(state)
      syncDirectory(dir)
    },
  }
}

/** Removes a directory where nothing is in it, nor has come meanwhile. */
function removeEmpty(dir: string): void {
  try {
    rmdirSync(dir)
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

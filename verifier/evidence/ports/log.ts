import type { BlobRef } from '../primitives.ts'
import type { Actor, AnyRecord, RecordBody, RecordKind } from '../record.ts'

/** An appended record. `durable` resolves once it survives a power loss, and rejects when the log halted. */
export type Appended = { index: number; leafHash: string; record: AnyRecord; durable: Promise<void> }

/**
 * An actor's handle on the log. Holding it is the authority to append that actor's kinds, and no other kind: the log
 * hands out one per actor and run and MUST refuse a second.
 */
export type Appender = {
  readonly actor: Actor
  /**
   * `signature`: the author's, of a record that its run claims, where the log does not sign for it (authorship.ts).
   * `idempotencyKey` names the step: given again, also after a crash, it answers with the entry of the first time. @throws
   * BAD_INPUT when the content is another, LOG_HALTED
   */
  append<K extends RecordKind>(
    kind: K,
    body: RecordBody<K>,
    parents?: readonly string[],
    idempotencyKey?: string,
    signature?: string,
  ): Appended
  /**
   * What every reader would find wrong with a record, were it appended now; empty when it is sound. To be asked of what
   * others made (verdicts, outcomes, approvals, answers) before it is appended: what stands in a log stays there.
   */
  faultsOf<K extends RecordKind>(
    kind: K,
    body: RecordBody<K>,
    parents?: readonly string[],
    signature?: string,
  ): Promise<string[]>
  /** Whether a step of this actor was appended before under an idempotency key that is still kept. */
  knows(idempotencyKey: string): boolean
}

export type LogReader = {
  readonly size: number
  /** Exact bytes of entries [from, to), as far as they are appended. */
  entries(from: number, to: number): Promise<Uint8Array[]>
  /** A blob's bytes. @throws EVIDENCE_MISSING */
  blob(ref: BlobRef): Promise<Uint8Array>
}

/** Signs with a run's agent key: Ed25519, 64 bytes. */
export type Author = { sign(message: Uint8Array): Uint8Array }

/** One run in a log: its records carry its id and are numbered from 0. */
export type RunLog = { readonly runId: string; appender(actor: Actor): Appender }

/** The log as its producers see it: one writer, many actors. */
export type LogPort = LogReader & {
  /** `author` signs what the run claims on its word alone (authorship.ts); without it producers give their signatures. */
  startRun(author?: Author): RunLog
  /** Stores a payload; it is durable no later than the next record. */
  putBlob(bytes: Uint8Array): BlobRef
  /** A signed checkpoint over everything appended so far, straight from the durable write-ahead log. */
  checkpoint(): Promise<string>
  /** An inclusion proof of an entry against a fresh signed checkpoint, as C2SP tlog-proof, straight from the write-ahead log. */
  prove(index: number): Promise<string>
  /** Writes tiles and checkpoint for everything appended so far. */
  publish(): Promise<void>
  close(): Promise<void>
}

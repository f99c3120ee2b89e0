import { z } from 'zod'
import { canonicalBytes, parseCanonical } from './canonical.ts'
import { WarrantError } from './error.ts'
import { count, ed25519Signature, leafHash, timeMs } from './primitives.ts'
import { approval } from './records/approval.ts'
import { close } from './records/close.ts'
import { decision } from './records/decision.ts'
import { fill } from './records/fill.ts'
import { handover } from './records/handover.ts'
import { incident } from './records/incident.ts'
import { observation } from './records/observation.ts'
import { outcome } from './records/outcome.ts'
import { proposal } from './records/proposal.ts'
import { request } from './records/request.ts'
import { response } from './records/response.ts'
import { run } from './records/run.ts'
import { seal } from './records/seal.ts'
import { submission } from './records/submission.ts'
import { verdict } from './records/verdict.ts'

/** Version of every record: a log of another version is refused, not guessed at. */
export const RECORD_VERSION = 3

/** Entries that a record names as its parents, at most; what it cites beyond them stands in its body. */
export const MOST_PARENTS = 64

/** The tile format gives an entry's length 16 bits (C2SP tlog-tiles, "Log entries"). */
export const MAX_ENTRY_BYTES = 65_535

const BODIES = {
  run,
  observation,
  request,
  response,
  decision,
  proposal,
  approval,
  verdict,
  submission,
  outcome,
  fill,
  incident,
  seal,
  close,
  handover,
} as const

export type RecordKind = keyof typeof BODIES
/** Every kind of record, in the order in which a decision goes through them. */
export const RECORD_KINDS = Object.keys(BODIES) as readonly RecordKind[]
export type RecordBody<K extends RecordKind> = z.infer<(typeof BODIES)[K]>

/** Who may write which kind: the log refuses a record whose actor does not own its kind. */
export type Actor = 'runtime' | 'market' | 'gateway' | 'agent' | 'approver' | 'verifier' | 'executor'
export const ACTOR_OF: Record<RecordKind, readonly Actor[]> = {
  run: ['runtime'],
  observation: ['market'],
  request: ['gateway'],
  response: ['gateway'],
  decision: ['agent'],
  proposal: ['agent'],
  approval: ['approver'],
  verdict: ['verifier'],
  submission: ['executor'],
  outcome: ['verifier'],
  fill: ['runtime'],
  incident: ['runtime', 'gateway', 'verifier'],
  seal: ['gateway'],
  close: ['runtime'],
  // The log's own: no producer has it.
  handover: [],
}

const runId = z.string().regex(/^[0-9a-f]{32}$/)

function envelope<K extends RecordKind>(kind: K) {
  return z.strictObject({
    v: z.literal(RECORD_VERSION),
    kind: z.literal(kind),
    runId,
    seq: count,
    atMs: timeMs,
    parents: z.array(leafHash).max(MOST_PARENTS),
    body: BODIES[kind],
    /** Its author's Ed25519 signature, by the run's agent key: authorship.ts says which records need one. */
    signature: ed25519Signature.optional(),
  })
}

const SCHEMAS = Object.fromEntries((Object.keys(BODIES) as RecordKind[]).map(kind => [kind, envelope(kind)])) as {
  [K in RecordKind]: ReturnType<typeof envelope<K>>
}

export type RecordOf<K extends RecordKind> = {
  v: 3
  kind: K
  runId: string
  seq: number
  atMs: number
  parents: string[]
  body: RecordBody<K>
  signature?: string | undefined
}
export type AnyRecord = { [K in RecordKind]: RecordOf<K> }[RecordKind]

/**
 * The log entry of a record: canonical JSON in UTF-8 (evidence.md §1).
 *
 * @throws EVIDENCE_MALFORMED naming the field, when the record breaks its schema or the entry is too large
 */
export function encodeRecord(record: AnyRecord): Uint8Array {
  checkShape(record)
  const bytes = canonicalBytes(record)
  if (bytes.length > MAX_ENTRY_BYTES) {
    throw new WarrantError(
      'EVIDENCE_MALFORMED',
      `${record.kind} record has ${bytes.length} bytes; the most is ${MAX_ENTRY_BYTES}`,
    )
  }
  return bytes
}

/**
 * The record in a log entry. Unknown kind, version or field: refused; bytes that are not canonical: refused.
 *
 * @throws EVIDENCE_MALFORMED naming the field
 */
export function decodeRecord(bytes: Uint8Array): AnyRecord {
  if (bytes.length > MAX_ENTRY_BYTES) throw new WarrantError('EVIDENCE_MALFORMED', `entry has ${bytes.length} bytes`)
  const value = parseCanonical(bytes)
  checkShape(value)
  return value as unknown as AnyRecord
}

function checkShape(value: unknown): void {
  const kind = (value as { kind?: unknown } | null)?.kind
  if (typeof kind !== 'string' || !Object.hasOwn(SCHEMAS, kind)) {
    throw new WarrantError('EVIDENCE_MALFORMED', `unknown record kind ${JSON.stringify(kind)}`)
  }
  const { v } = value as { v?: unknown }
  if (v !== RECORD_VERSION) {
    throw new WarrantError(
      'EVIDENCE_MALFORMED',
      `${kind} record: v: is ${JSON.stringify(v)}, and this program reads version ${RECORD_VERSION}: read this log with the Warrant that wrote it`,
    )
  }
  const parsed = SCHEMAS[kind as RecordKind].safeParse(value)
  if (parsed.success) return
  const issue = parsed.error.issues[0]
  throw new WarrantError(
    'EVIDENCE_MALFORMED',
    `${kind} record: ${issue?.path.join('.') || '(root)'}: ${issue?.message}`,
  )
}

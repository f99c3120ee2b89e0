import { fromHex } from './bytes.ts'
import { canonicalBytes } from './canonical.ts'
import { domainBytes } from './digest.ts'
import type { AnyRecord, RecordKind } from './record.ts'

/** Kinds that the run's own process claims on its word alone: its agent key signs them. */
const CLAIMED: ReadonlySet<RecordKind> = new Set(['run', 'decision', 'fill', 'incident', 'close'])

type Claim = Pick<AnyRecord, 'kind' | 'runId' | 'parents' | 'body'>

/** Whether the author must sign: everything that no other signature speaks for. An answer that failed has no receipt. */
export function isClaimed({ kind, body }: Pick<AnyRecord, 'kind' | 'body'>): boolean {
  if (kind !== 'response') return CLAIMED.has(kind)
  return (body as { result?: { status?: unknown } }).result?.status !== 'ok'
}

/** The bytes that the author signs, domain `record`: kind, run, parents and body. Number and time are the log's. */
export function claimBytes({ kind, runId, parents, body }: Claim): Uint8Array {
  return domainBytes('record', canonicalBytes({ kind, runId, parents, body }))
}

/** What a signature check takes: the run's agent key, the signed bytes, the signature; null where there is none. */
export function claimToVerify(record: AnyRecord, agentKey: string): [Uint8Array, Uint8Array, Uint8Array] | null {
  if (record.signature === undefined) return null
  return [fromHex(agentKey), claimBytes(record), fromHex(record.signature)]
}

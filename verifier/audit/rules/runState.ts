import type { RecordOf } from '#verifier/evidence/record.ts'

/** A request of a tick, and the answer that ended it. */
export type TickRequest = { leaf: string; request: RecordOf<'request'>; response: string | null; failed: boolean }

/** What is known of a run while its records come in. Maps by leaf hash unless said otherwise. */
export type RunState = {
  run: RecordOf<'run'>
  nextSeq: number
  /** Time of its last record; a clock that was set back on record sets it anew. */
  lastAtMs: number
  nextTick: Map<string, number>
  nextNumber: Map<string, number>
  decisions: number
  /** The last observation's tick and time; null before the first. */
  seen: { tick: number; timeMs: number } | null
  /** Requests without an answer. */
  openRequests: Map<string, RecordOf<'request'>>
  /** Requests of the ticks that are not decided yet, by tick. */
  asked: Map<number, TickRequest[]>
  openDecisions: Set<string>
  openProposals: Set<string>
  openSubmissions: Map<string, RecordOf<'submission'>>
  closed: boolean
  /** Index of its close; null before it. */
  closedAt: number | null
  /** The next seal, and the answers that it must commit to: leaf hashes of those with a trace. */
  epoch: number
  unsealed: Uint8Array[]
}

/** Of a run whose record was just read. */
export function newRunState(run: RecordOf<'run'>): RunState {
  return {
    run,
    nextSeq: 0,
    lastAtMs: run.atMs,
    nextTick: new Map(),
    nextNumber: new Map(),
    decisions: 0,
    seen: null,
    openRequests: new Map(),
    asked: new Map(),
    openDecisions: new Set(),
    openProposals: new Set(),
    openSubmissions: new Map(),
    closed: false,
    closedAt: null,
    epoch: 0,
    unsealed: [],
  }
}

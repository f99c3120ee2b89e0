import { WarrantError } from '#verifier/evidence/error.ts'
import type { CallFrame } from '#verifier/evidence/ports/chain.ts'

/** A JSON-RPC request; throws where the node answers with an error. */
export type Request = (method: string, params: readonly unknown[]) => Promise<unknown>

/**
 * The calls inside a transaction, by `debug_traceTransaction` (geth and its kin, with events) or else by
 * `trace_transaction` (without).
 *
 * @returns null where the node has neither, or no longer the state that it takes
 */
export async function traceTransaction(request: Request, hash: string): Promise<CallFrame | null> {
  const tracer = { tracer: 'callTracer', tracerConfig: { withLog: true } }
  const frame = await request('debug_traceTransaction', [hash, tracer]).then(readFrame, () => null)
  return frame ?? (await request('trace_transaction', [hash]).then(readFlat, () => null))
}

type Raw = Record<string, unknown>

function readFrame(value: unknown): CallFrame | null {
  const raw = value as Raw | null
  if (raw === null || typeof raw !== 'object' || typeof raw.type !== 'string') return null
  const calls = (Array.isArray(raw.calls) ? raw.calls : []).map(readFrame)
  const whole = calls.filter(call => call !== null)
  if (whole.length !== calls.length) return null
  const logs = (Array.isArray(raw.logs) ? (raw.logs as Raw[]) : []).map(({ address, topics, data }) => ({
    address: lower(address),
    topics: (topics as string[]).map(lower),
    data: lower(data),
  }))
  return {
    type: raw.type.toLowerCase(),
    from: lower(raw.from),
    to: raw.to === undefined ? null : lower(raw.to),
    input: lower(raw.input),
    value: BigInt((raw.value as string | undefined) ?? 0),
    failed: raw.error !== undefined,
    logs,
    calls: whole,
  }
}

type Flat = { action: Raw; error?: unknown; traceAddress: number[]; type: string }

/** A list in depth-first order, each entry with its path, as a tree. */
function readFlat(value: unknown): CallFrame | null {
  const list = value as Flat[] | null
  if (!Array.isArray(list) || list[0]?.traceAddress.length !== 0) return null
  const root = flatFrame(list[0])
  for (const item of list.slice(1)) {
    let parent: CallFrame | undefined = root
    for (const index of item.traceAddress.slice(0, -1)) parent = parent?.calls[index]
    if (parent === undefined || parent.calls.length !== item.traceAddress.at(-1)) return null
    parent.calls.push(flatFrame(item))
  }
  return root
}

function flatFrame({ action, error, type }: Flat): CallFrame {
  return {
    type: lower(action.callType ?? type),
    from: lower(action.from),
    to: action.to === undefined ? null : lower(action.to),
    input: lower(action.input ?? '0x'),
    value: BigInt((action.value as string | undefined) ?? 0),
    failed: error !== undefined && error !== null,
    logs: null,
    calls: [],
  }
}

function lower(value: unknown): string {
  if (typeof value !== 'string') throw new WarrantError('CHAIN_FAILED', 'a trace that cannot be read')
  return value.toLowerCase()
}

import type { Unexplained } from '#verifier/audit/completeness.ts'
import { toBase64 } from '#verifier/evidence/bytes.ts'
import { type ErrorCode, reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { LogPort } from '#verifier/evidence/ports/log.ts'
import type { BlobRef } from '#verifier/evidence/primitives.ts'
import { type Outcome, outcome } from '#verifier/evidence/records/outcome.ts'
import { type Verdict, verdict } from '#verifier/evidence/records/verdict.ts'
import { parseCheckpoint } from '#verifier/log/checkpoint.ts'
import { parseNote } from '#verifier/log/signedNote.ts'

/** Entries and payloads that one call hands over. */
const MOST_ENTRIES = 10_000
const MOST_BLOBS = 64

/** A verifier, as those see it who ask it. */
export type VerifierClient = {
  readonly url: string
  /** Hands over everything the verifier does not have yet, with a checkpoint straight from the write-ahead log. */
  sync(): Promise<void>
  verdict(proposal: string, refBlock?: number): Promise<Verdict>
  outcome(submission: string): Promise<Outcome>
  /** Changes of the treasury that nothing explained, in the order in which it found them. */
  alarms(): Promise<Unexplained[]>
}

/** A client of the verifier at `url` for one log. `blobs`: the payloads that its checks need (strategy, models). */
export function createVerifierClient({
  url,
  log,
  blobs,
}: {
  url: string
  log: LogPort
  blobs: readonly BlobRef[]
}): VerifierClient {
  let sent: number | null = null
  let blobsSent = 0

  const encoded = async (from: number, to: number) => (await log.entries(from, to)).map(toBase64)

  async function post<T>(path: string, body: unknown): Promise<T> {
    return call(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  }

  return {
    url,
    async sync() {
      // Others may feed the same verifier, and it may have restarted: what it has is what it says.
      for (let attempt = 0; ; attempt++) {
        // A run's payloads grow: a long trace joins them with its answer.
        const first = sent === null ? 0 : blobsSent
        const next = blobs.slice(first, first + MOST_BLOBS)
        const from = sent ?? (await call<{ size: number }>(`${url}/v1/status`)).size
        const note = await log.checkpoint()
        // The log may have grown since it signed.
        const { size } = parseCheckpoint(parseNote(note).text)
        if (from === size && next.length === 0) return
        // A long log goes in parts; only the last has the checkpoint.
        let at = from
        for (; size - at > MOST_ENTRIES; at += MOST_ENTRIES)
          await post('/v1/log', { note: null, from: at, entries: await encoded(at, at + MOST_ENTRIES), blobs: [] })
        const entries = await encoded(at, size)
        const payloads = await Promise.all(next.map(async ref => toBase64(await log.blob(ref))))
        try {
          sent = (await post<{ size: number }>('/v1/log', { note, from: at, entries, blobs: payloads })).size
          blobsSent = first + next.length
          if (blobsSent === blobs.length) return
          attempt = -1
        } catch (error) {
          sent = null
          if (attempt === 2 || !(error instanceof WarrantError) || error.code !== 'LOG_BEHIND') throw error
        }
      }
    },
    verdict: async (proposal, refBlock) =>
      verdict.parse(await post('/v1/verdicts', { proposal, ...(refBlock === undefined ? {} : { refBlock }) })),
    outcome: async submission => outcome.parse(await post('/v1/outcomes', { submission })),
    alarms: () => call<Unexplained[]>(`${url}/v1/alarms`),
  }
}

async function call<T>(url: string, init?: RequestInit): Promise<T> {
  let response: Response
  try {
    response = await fetch(url, init)
  } catch (cause) {
    throw new WarrantError('UNREACHABLE', `no verifier answers at ${new URL(url).origin}: ${reasonOf(cause)}`, {
      cause,
      retry: 'safe',
    })
  }
  const body = (await response.json()) as T & { code?: ErrorCode; message?: string }
  if (!response.ok)
    throw new WarrantError(body.code ?? 'REFUSED', body.message ?? `the verifier answered ${response.status}`)
  return body
}

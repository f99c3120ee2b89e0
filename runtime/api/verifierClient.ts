import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { Unexplained } from '#verifier/audit/completeness.ts'
import { fromBase64, toBase64 } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { LogPort } from '#verifier/evidence/ports/log.ts'
import { address, type BlobRef, count, reason } from '#verifier/evidence/primitives.ts'
import { type Outcome, outcome } from '#verifier/evidence/records/outcome.ts'
import { type Verdict, verdict } from '#verifier/evidence/records/verdict.ts'
import { MOST_FACTS_BYTES } from '#verifier/judge/facts.ts'
import { parseCheckpoint } from '#verifier/log/checkpoint.ts'
import { parseNote } from '#verifier/log/signedNote.ts'
import { callPeer, type PeerAnswer } from './callPeer.ts'

/** Entries and payloads that one call hands over, and bytes of each: a payload that is larger goes alone. */
const MOST_ENTRIES = 10_000
const MOST_BLOBS = 64
const MOST_BYTES = 8 * 1024 * 1024
/** Entries that are read from the log at once. */
const AT_ONCE = 1_000

/** How long one call to a verifier may take. */
const CALL_MS = 30_000
const MOST_ANSWER = 4 * 1024 * 1024

/** A verdict, and the payload that it names. */
export type GivenVerdict = { verdict: Verdict; facts: Uint8Array }

/** Where a verifier is, and the token that it knows this client by; null where it asks for none. */
export type VerifierAt = { url: string; token: string | null }

/** The header that shows a token. */
export const bearer = (token: string | null): Record<string, string> =>
  token === null ? {} : { authorization: `Bearer ${token}` }

/** A verifier, as those see it who ask it. */
export type VerifierClient = {
  readonly url: string
  /** Who it says it is. */
  address(): Promise<string>
  /** Hands over everything the verifier does not have yet, with a checkpoint straight from the write-ahead log. One after the other. */
  sync(): Promise<void>
  /** Its answer, and the bytes of the facts that it rests on: they have the digest that the verdict names. */
  verdict(proposal: string, refBlock?: number): Promise<GivenVerdict>
  outcome(submission: string): Promise<Outcome>
  /** Changes of the treasury that nothing explained, in the order in which it found them. */
  alarms(): Promise<Unexplained[]>
}

const given = z.strictObject({ verdict, facts: z.string().max(Math.ceil(MOST_FACTS_BYTES / 3) * 4) })
const status = z.object({ address, size: count })
const taken = z.object({ size: count.optional() })
const alarm = z.strictObject({ transactionHash: z.string().max(200).nullable(), blockNumber: count, reason })
const alarmList = z.array(alarm).max(10_000)

/**
 * A client of the verifier at `url` for one log. `blobs`: the payloads that its checks need (strategy, models). Every call
 * ends within `callMs`. What it gives has the right shape; whether it is true, the log's checks say.
 */
export function createVerifierClient({
  url,
  token = null,
  log,
  blobs,
  callMs = CALL_MS,
}: {
  url: string
  token?: string | null
  log: LogPort
  blobs: readonly BlobRef[]
  callMs?: number
}): VerifierClient {
  let sent: number | null = null
  let blobsSent = 0
  let syncing: Promise<void> = Promise.resolve()

  const get = <T>(path: string, schema: z.ZodType<T>) => ask(`${url}${path}`, { method: 'GET', callMs, token }, schema)
  const post = <T>(path: string, body: unknown, schema: z.ZodType<T>) =>
    ask(`${url}${path}`, { method: 'POST', callMs, token, body: JSON.stringify(body) }, schema)

  /** Entries from `from` on in base64, as many as one call takes. */
  async function entriesFrom(from: number, to: number): Promise<string[]> {
    const part: string[] = []
    let bytes = 0
    while (part.length < MOST_ENTRIES && from + part.length < to) {
      const at = from + part.length
      for (const entry of await log.entries(at, Math.min(to, at + AT_ONCE))) {
        const text = toBase64(entry)
        bytes += text.length
        if (part.length > 0 && (bytes > MOST_BYTES || part.length === MOST_ENTRIES)) return part
        part.push(text)
      }
    }
    return part
  }

  /** Payloads from a place in the list on, as many as one call takes. */
  function payloadsFrom(first: number): BlobRef[] {
    let bytes = 0
    const fits = ({ size }: BlobRef, i: number) => {
      bytes += size
      return i === 0 || bytes <= MOST_BYTES
    }
    const next = blobs.slice(first, first + MOST_BLOBS)
    const end = next.findIndex((ref, i) => !fits(ref, i))
    return end < 0 ? next : next.slice(0, end)
  }

  async function handOver(): Promise<void> {
    // Others may feed the same verifier, and it may have restarted: what it has is what it says.
    for (let attempt = 0; ; attempt++) {
      // A run's payloads grow: a long trace joins them with its answer.
      const first = sent === null ? 0 : blobsSent
      const next = payloadsFrom(first)
      let from: number = sent ?? (await get('/v1/status', status)).size
      const note = await log.checkpoint()
      // The log may have grown since it signed.
      const { size } = parseCheckpoint(parseNote(note).text)
      if (from === size && next.length === 0) return
      const sync = randomBytes(16).toString('hex')
      try {
        // A long log goes in parts; only the last has the checkpoint.
        let entries = await entriesFrom(from, size)
        while (from + entries.length < size) {
          await post('/v1/log', { note: null, sync, from, entries, blobs: [] }, taken)
          from += entries.length
          entries = await entriesFrom(from, size)
        }
        const payloads = await Promise.all(next.map(async ref => toBase64(await log.blob(ref))))
        const reached = await post('/v1/log', { note, sync, from, entries, blobs: payloads }, taken)
        sent = reached.size ?? null
        blobsSent = first + next.length
        if (blobsSent === blobs.length) return
        attempt = -1
      } catch (error) {
        sent = null
        if (attempt === 2 || !(error instanceof WarrantError) || error.code !== 'LOG_BEHIND') throw error
      }
    }
  }

  return {
    url,
    address: async () => (await get('/v1/status', status)).address,
    sync() {
      syncing = syncing.then(handOver, handOver)
      return syncing
    },
    async verdict(proposal, refBlock) {
      const asked = { proposal, ...(refBlock === undefined ? {} : { refBlock }) }
      const { verdict, facts } = await post('/v1/verdicts', asked, given)
      return { verdict, facts: fromBase64(facts) }
    },
    outcome: submission => post('/v1/outcomes', { submission }, outcome),
    alarms: () => get('/v1/alarms', alarmList),
  }
}

/** What a verifier may say went wrong. Any other code would speak for this process, and counts as a refusal. */
const SAID = [
  'BAD_INPUT',
  'EVIDENCE_MALFORMED',
  'EVIDENCE_MISSING',
  'LOG_BEHIND',
  'RATE_LIMITED',
  'UNAUTHORIZED',
] as const
const problem = z.object({ code: z.enum(SAID).catch('BAD_INPUT'), message: z.string() })

type Call = { method: 'GET' | 'POST'; body?: string; callMs: number; token: string | null }

/** Calls, and calls again when it is told to, as long as there is time. @throws UNREACHABLE, REFUSED */
async function call(url: string, { callMs, token, ...rest }: Call): Promise<PeerAnswer> {
  const until = performance.now() + callMs
  const headers = { ...bearer(token), ...(rest.body === undefined ? {} : { 'content-type': 'application/json' }) }
  for (;;) {
    const withinMs = Math.max(1, Math.ceil(until - performance.now()))
    const answer = await callPeer({ url, who: 'verifier', withinMs, mostBytes: MOST_ANSWER, headers, ...rest })
    const waitMs = answer.status === 429 ? answer.retryAfterMs : null
    if (waitMs === null || performance.now() + waitMs >= until) return answer
    await sleep(waitMs)
  }
}

/** An answer of the right shape. @throws UNREACHABLE, REFUSED, or what the verifier says */
async function ask<T>(url: string, asked: Call, schema: z.ZodType<T>): Promise<T> {
  const { status: code, text } = await call(url, asked)
  const { origin } = new URL(url)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new WarrantError('REFUSED', `the verifier at ${origin} answered ${code} with what is no JSON`, { cause })
  }
  if (code !== 200) {
    const said = problem.safeParse(value)
    throw said.success
      ? new WarrantError(said.data.code, said.data.message)
      : new WarrantError('REFUSED', `the verifier at ${origin} answered ${code}`)
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new WarrantError(
    'REFUSED',
    `the verifier at ${origin} answered with what it was not asked for: ${issue?.path.join('.') || '(root)'}: ${issue?.message}`,
  )
}

import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { z } from 'zod'
import type { Unexplained } from '#verifier/audit/completeness.ts'
import { canonicalize } from '#verifier/evidence/canonical.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { count, digest, hex32, label, uintString } from '#verifier/evidence/primitives.ts'
import { type Verdict, verdict } from '#verifier/evidence/records/verdict.ts'
import { type Facts, facts } from '#verifier/judge/facts.ts'
import { lockDescriptor } from './takeLock.ts'
import type { Watched } from './watch.ts'

const line = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('seen'), size: count, root: digest }),
  z.strictObject({
    type: z.literal('reserve'),
    nonce: uintString,
    proposalDigest: digest,
    treasuryUsd: count,
    signedAtSeconds: count,
    validUntil: count,
  }),
  z.strictObject({ type: z.literal('signed'), nonce: uintString, verdict, facts }),
  z.strictObject({
    type: z.literal('watched'),
    block: count,
    hash: hex32.nullable(),
    /** What the Safe held after that block, in base units. */
    held: z.record(z.string(), uintString),
  }),
  z.strictObject({
    type: z.literal('alarm'),
    transactionHash: z.string().nullable(),
    blockNumber: count,
    reason: z.string(),
    blind: z.literal(true).optional(),
  }),
  /** A proposal that this key may have signed in another life, of which no journal tells. */
  z.strictObject({ type: z.literal('doubt'), proposalDigest: digest, nonce: uintString, validUntil: count }),
  z.strictObject({ type: z.literal('note'), text: label }),
])
type Line = z.infer<typeof line>

/** What may have been signed by whoever had this key before. */
export type Doubt = { proposalDigest: string; nonce: string; validUntil: number }

/** What a verifier has promised a nonce to, and what it signed for it; null: nothing yet. */
type Entry = {
  nonce: string
  proposalDigest: string
  signedAtSeconds: number
  validUntil: number
  signed: { verdict: Verdict; facts: Facts } | null
}

/** The verifier's memory across restarts: what it saw of the log, what it promised, what it signed. */
export type Journal = {
  readonly pinned: { size: number; root: string } | null
  /** Up to where the treasury was watched, and what it held there. */
  readonly watched: Watched | null
  /** Changes of the treasury that nothing explained, in order. */
  readonly alarms: readonly Unexplained[]
  find(nonce: string): Entry | null
  /** Durable before it returns. @throws REFUSED when the nonce was reserved for other contents */
  reserve(entry: {
    nonce: string
    proposalDigest: string
    treasuryUsd: number
    signedAtSeconds: number
    validUntil: number
  }): void
  signed(nonce: string, verdict: Verdict, facts: Facts): void
  /** The most that the treasury was worth when this key signed, since a time in seconds; whole dollars, 0 for nothing. */
  highestTreasuryUsd(sinceSeconds: number): number
  /** Kept until they expire: a restart forgives nothing. */
  readonly doubts: readonly Doubt[]
  doubt(doubts: readonly Doubt[]): void
  seen(size: number, root: string): void
  watch(watched: Watched): void
  alarm(change: Unexplained): void
  close(): void
}

/** Opens the journal file, a new one when missing. A torn last line was never acted on, and is cut off. It has one writer. @throws EVIDENCE_MALFORMED, LOG_LOCKED */
export function openJournal(path: string): Journal {
  const entries = new Map<string, Entry>()
  let pinned: { size: number; root: string } | null = null
  const worths: { atSeconds: number; usd: number }[] = []
  let watched: Watched | null = null
  const alarms: Unexplained[] = []
  const doubts: Doubt[] = []

  function apply(item: Line): void {
    switch (item.type) {
      case 'seen':
        pinned = { size: item.size, root: item.root }
        return
      case 'reserve': {
        const { type: _, treasuryUsd, ...rest } = item
        worths.push({ atSeconds: item.signedAtSeconds, usd: treasuryUsd })
        entries.set(item.nonce, { ...rest, signed: null })
        return
      }
      case 'signed': {
        const entry = entries.get(item.nonce)
        if (entry !== undefined)
          entries.set(item.nonce, { ...entry, signed: { verdict: item.verdict, facts: item.facts } })
        return
      }
      case 'watched':
        watched = { block: item.block, hash: item.hash, held: item.held }
        return
      case 'alarm': {
        const { type: _, blind, ...alarm } = item
        alarms.push(blind === undefined ? alarm : { ...alarm, blind })
        return
      }
      case 'doubt': {
        const { type: _, ...doubt } = item
        doubts.push(doubt)
        return
      }
      case 'note':
        return
    }
  }

  mkdirSync(dirname(path), { recursive: true })
  const existed = existsSync(path)
  const fd = openSync(path, 'a')
  try {
    lockDescriptor(fd, path, 'this journal')
  } catch (error) {
    closeSync(fd)
    throw error
  }
  const text = existed ? readFileSync(path, 'utf8') : ''
  const whole = text.lastIndexOf('\n') + 1
  for (const [i, row] of text.slice(0, whole).split('\n').slice(0, -1).entries()) {
    const parsed = line.safeParse(tryJson(row))
    if (!parsed.success) closeSync(fd)
    if (!parsed.success)
      throw new WarrantError(
        'EVIDENCE_MALFORMED',
        `${path}:${i + 1}: the journal is damaged: ${parsed.error.issues[0]?.message}`,
      )
    apply(parsed.data)
  }
  let size = Buffer.byteLength(text.slice(0, whole))
  if (whole < text.length) {
    ftruncateSync(fd, size)
    fsyncSync(fd)
  }
  if (!existed) {
    const dir = openSync(dirname(path), 'r')
    fsyncSync(dir)
    closeSync(dir)
  }

  let broken: unknown = null

  /** Whole lines, or nothing: what a full disk took in part is cut off again, and nothing more is written. */
  function write(items: readonly Line[], durable: boolean): void {
    if (broken !== null)
      throw new WarrantError('REFUSED', `${path}: the journal could not be written: start again`, { cause: broken })
    const bytes = Buffer.from(items.map(item => `${canonicalize(item)}\n`).join(''))
    try {
      for (let offset = 0; offset < bytes.length; ) offset += writeSync(fd, bytes, offset)
      if (durable) fdatasyncSync(fd)
    } catch (cause) {
      broken = cause
      ftruncateSync(fd, size)
      throw new WarrantError('REFUSED', `${path}: cannot write the journal: ${reasonOf(cause)}`, { cause })
    }
    size += bytes.length
    for (const item of items) apply(item)
  }

  return {
    get pinned() {
      return pinned
    },
    get watched() {
      return watched
    },
    alarms,
    get doubts() {
      return doubts
    },
    doubt: found =>
      found.length > 0 &&
      write(
        found.map(doubt => ({ type: 'doubt' as const, ...doubt })),
        true,
      ),
    find: nonce => entries.get(nonce) ?? null,
    highestTreasuryUsd: since =>
      worths.reduce((most, { atSeconds, usd }) => (atSeconds >= since && usd > most ? usd : most), 0),
    reserve(entry) {
      const known = entries.get(entry.nonce)
      if (known !== undefined && known.proposalDigest !== entry.proposalDigest) {
        throw new WarrantError(
          'REFUSED',
          `nonce ${entry.nonce} was promised to other contents: nothing is ever signed twice`,
        )
      }
      write([{ type: 'reserve', ...entry }], true)
    },
    signed: (nonce, signedVerdict, itsFacts) =>
      write([{ type: 'signed', nonce, verdict: signedVerdict, facts: itsFacts }], true),
    seen: (size, root) => write([{ type: 'seen', size, root }], true),
    watch: at => write([{ type: 'watched', ...at }], false),
    alarm: change => write([{ type: 'alarm', ...change }], true),
    close: () => closeSync(fd),
  }
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

import { gatherAnswers, noAnswer } from '#runtime/api/gatherAnswers.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { equalBytes } from '#verifier/evidence/bytes.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { cosignedAt } from '#verifier/log/cosignature.ts'
import type { Quorum, QuorumWitness } from '#verifier/log/quorum.ts'
import { formatNote, type NoteKey, parseNote, parseSignature } from '#verifier/log/signedNote.ts'
import { openTreeHead } from '#verifier/log/treeHead.ts'
import { askWitness, latestOf } from './witnessClient.ts'

/** A checkpoint to be cosigned, and the way from any smaller tree to it. */
export type ToCosign = {
  /** As the log signed it. */
  note: string
  origin: string
  size: number
  /** The log's own keys, present and past: only what they signed speaks against the log. */
  keys: readonly NoteKey[]
  consistencyProof(from: number): readonly Uint8Array[]
  /** Root of the log's first `size` entries; null where it has fewer. */
  rootAt(size: number): Uint8Array | null
}

/** Asks witnesses for their cosignatures. */
export type Cosigner = {
  /**
   * The note with one line of every witness that cosigned it in time; the others are left out, and whoever demands a
   * quorum sees that it is not met.
   *
   * @throws LOG_BEHIND when a witness shows a checkpoint that the log's own key signed over a larger tree, or another one:
   * this log was rolled back or forked
   */
  cosign(checkpoint: ToCosign): Promise<string>
  readonly witnesses: readonly string[]
  /** Why witnesses did not cosign last time, by name. */
  readonly silent: ReadonlyMap<string, string>
}

export type CosignerOptions = {
  /** How long a witness is waited for, and how long once the quorum is met. */
  deadlineMs?: number
  graceMs?: number
  /** Told when a witness stops cosigning, with the reason, and when it is back. */
  onChange?(witness: string, reason: string | null): void
}

type Reachable = QuorumWitness & { url: string }

/** Lines of an answer that are looked at. */
const MOST_LINES = 16

/** A cosigner over the witnesses of a quorum that have a URL. */
export function createCosigner(quorum: Quorum, options: CosignerOptions = {}): Cosigner {
  const { deadlineMs = 5_000, graceMs = 1_000, onChange } = options
  const witnesses = quorum.witnesses.flatMap(witness =>
    witness.url === null ? [] : [{ ...witness, url: witness.url }],
  )
  const seen = new Map<string, number>()
  const silent = new Map<string, string>()
  /** Who has not ended its last answer. */
  const busy = new Set<string>()
  let slow: ReadonlySet<string> = new Set()
  let isFirst = true

  async function cosignatureOf(witness: Reachable, checkpoint: ToCosign): Promise<string> {
    const { name, key, url } = witness
    const { note, size, consistencyProof } = checkpoint
    // What it saw last is known from its last answer, else asked for: a conflict names its size.
    for (let attempt = 0; attempt < 3; attempt++) {
      const old = Math.min(seen.get(name) ?? 0, size)
      const { status, body } = await askWitness(url, { old, proof: consistencyProof(old), note }, deadlineMs)
      if (status === 200) {
        seen.set(name, size)
        return lineOf(body, note, key)
      }
      const known = status === 409 ? sizeIn(body) : null
      if (known !== null && known !== old && known <= size) {
        seen.set(name, known)
        continue
      }
      if (status !== 409 && status !== 422)
        throw new WarrantError('REFUSED', `answered ${status}: ${body.trim().slice(0, 200)}`)
      const shown = await shownBy(witness, checkpoint)
      if (shown === old || shown > size)
        throw new WarrantError('REFUSED', `refuses what follows from the checkpoint of ${shown} entries that it shows`)
      seen.set(name, shown)
    }
    throw new WarrantError('REFUSED', 'its size keeps changing: another process feeds it')
  }

  /**
   * The size of the checkpoint that a witness shows. A bare refusal says nothing: anybody could have sent it. What the
   * log's own key signed does.
   */
  async function shownBy({ name, url }: Reachable, { origin, keys, rootAt, size }: ToCosign): Promise<number> {
    const latest = await latestOf(url, origin, deadlineMs)
    if (latest === null)
      throw new WarrantError('REFUSED', 'refuses the checkpoint, and shows none that this log signed: not believed')
    const shown = openTreeHead(nodeCrypto, latest, { origin, keys })
    const shownSize = Number(shown.size)
    const root = shown.size > Number.MAX_SAFE_INTEGER ? null : rootAt(shownSize)
    if (root === null)
      throw new WarrantError(
        'LOG_BEHIND',
        `witness ${name} shows a checkpoint of ${shown.size} entries that this log signed, which now has ${size}: it was rolled back`,
      )
    if (!equalBytes(root, shown.root))
      throw new WarrantError(
        'LOG_BEHIND',
        `witness ${name} shows another tree of ${shown.size} entries that this log signed: it was forked or rewritten`,
      )
    return shownSize
  }

  function ask(witness: Reachable, checkpoint: ToCosign): Promise<string> {
    if (slow.has(witness.name) && busy.has(witness.name))
      return Promise.reject(new WarrantError('UNREACHABLE', silent.get(witness.name) ?? 'has not answered yet'))
    busy.add(witness.name)
    return cosignatureOf(witness, checkpoint).finally(() => busy.delete(witness.name))
  }

  function report(name: string, reason: string | null): void {
    const before = silent.get(name) ?? null
    if (reason === null) silent.delete(name)
    else silent.set(name, reason)
    if ((before === null) !== (reason === null)) onChange?.(name, reason)
  }

  return {
    silent,
    witnesses: witnesses.map(({ name }) => name),
    async cosign(checkpoint) {
      const since = performance.now()
      const { answers, failures, ...gathered } = await gatherAnswers({
        asked: witnesses.map(witness => ({ name: witness.name, answer: ask(witness, checkpoint) })),
        isEnough: lines => quorum.check(nodeCrypto, parseNote(checkpoint.note + lines.join(''))).met,
        slow,
        // Before anything is signed for anyone, all are heard.
        graceMs: isFirst ? deadlineMs : graceMs,
        deadlineMs: 2 * deadlineMs,
      })
      isFirst = false
      slow = new Set(gathered.silent)
      for (const { name } of answers) report(name, null)
      for (const { name, error } of failures) report(name, reasonOf(error))
      for (const name of gathered.silent) report(name, reasonOf(noAnswer(performance.now() - since)))
      const against = failures.find(({ error }) => error instanceof WarrantError && error.code === 'LOG_BEHIND')
      if (against !== undefined) throw against.error
      return checkpoint.note + answers.map(({ value }) => value).join('')
    },
  }
}

/** The witness's own line in its answer; whatever else it sent is left out. @throws REFUSED */
function lineOf(body: string, note: string, key: NoteKey): string {
  const { text } = parseNote(note)
  for (const line of body.split('\n').slice(0, MOST_LINES)) {
    const signature = parseSignature(line)
    if (signature === null || cosignedAt(nodeCrypto, { text, signatures: [signature] }, key) === null) continue
    return formatNote('', [signature]).slice(1)
  }
  throw new WarrantError('REFUSED', 'answers without a cosignature that verifies with its key')
}

/** The size that a conflict names; null where it names none. */
function sizeIn(body: string): number | null {
  const digits = /^(0|[1-9][0-9]{0,15})\n?$/.exec(body)?.[1]
  const size = Number(digits)
  return digits !== undefined && Number.isSafeInteger(size) ? size : null
}

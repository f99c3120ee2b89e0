import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { fromHex, toHex, utf8 } from '#verifier/evidence/bytes.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Clock } from '#verifier/evidence/ports/clock.ts'
import { cosignatureMessage, encodeCosignature, formatWitnessVkey } from '#verifier/log/cosignature.ts'
import { emptyRoot, verifyConsistency } from '#verifier/log/merkle.ts'
import { formatNote, type NoteKey, type NoteSignature, noteSignaturesOf, parseNote } from '#verifier/log/signedNote.ts'
import { parseTreeHead } from '#verifier/log/treeHead.ts'
import { parseAddCheckpoint } from './addCheckpoint.ts'
import type { WitnessedLogs } from './witnessedLogs.ts'
import type { WitnessSigner } from './witnessKeys.ts'
import { readWitnessState, type Seen, writeWitnessState } from './witnessState.ts'

/** An answer of the tlog-witness protocol: HTTP status, body, content type. */
export type WitnessAnswer = { status: 200 | 400 | 403 | 404 | 409 | 422 | 429; body: string; type: string }

export type Witness = {
  readonly vkeys: readonly string[]
  addCheckpoint(body: Uint8Array): WitnessAnswer
  /**
   * The last checkpoint of a log that it cosigned, under the log's and its own signatures: what others compare with what
   * they were shown. `originHash`: SHA-256 of the origin as lower-case hexadecimal.
   */
  latest(originHash: string): string | null
}

const TEXT = 'text/plain; charset=utf-8'
const said = (status: WitnessAnswer['status'], reason: string) => ({ status, body: `${reason}\n`, type: TEXT })

/**
 * A witness (C2SP tlog-witness): cosigns a checkpoint only when it is consistent with the last one that it saw of that
 * origin, and remembers it durably before it answers. It cosigns with each of its `signers`.
 *
 * @throws EVIDENCE_MALFORMED when its state file is damaged
 */
export function createWitness({
  signers,
  logs,
  stateFile,
  clock,
  mayGrow = () => true,
}: {
  signers: readonly WitnessSigner[]
  logs: WitnessedLogs
  stateFile: string
  clock: Clock
  /** Whether a log may have one more, larger tree cosigned now: only who has its key can ask for that. */
  mayGrow?(origin: string): boolean
}): Witness {
  const state = readWitnessState(stateFile)
  const nothing = { size: 0n, root: toHex(emptyRoot(nodeCrypto)) }

  function addCheckpoint(body: Uint8Array): WitnessAnswer {
    const request = parseAddCheckpoint(body)
    if (request === null) return said(400, 'malformed request')
    const { old, proof } = request
    let note: ReturnType<typeof parseNote>
    let head: ReturnType<typeof parseTreeHead>
    try {
      note = parseNote(request.note)
      head = parseTreeHead(note.text)
    } catch (error) {
      return said(400, reasonOf(error))
    }
    const keys = logs.get(head.origin)
    if (keys === undefined) return said(404, `this witness does not watch ${head.origin.slice(0, 200)}`)
    const signed = signaturesOf(note, keys)
    if (typeof signed === 'string') return said(403, signed)
    const { size, origin } = head
    if (old > size) return said(400, 'the old size is larger than the checkpoint')
    const last = state.get(origin) ?? nothing
    if (old !== last.size) return { status: 409, body: `${last.size}\n`, type: 'text/x.tlog.size' }
    const root = toHex(head.root)
    const fault = faultOf({ size, root }, last, proof)
    if (fault !== null) return said(422, fault)
    if (size > last.size && !mayGrow(origin)) return said(429, 'this log has had many checkpoints cosigned just now')
    const lines = cosignatures(note.text)
    if (lines.length === 0) return said(400, 'no key of this witness can cosign a name of this length')
    // Extension lines are kept, and whoever else signed is left out: only what was verified is shown to others.
    const seen: Seen = { size, root, note: formatNote(note.text, [...signed, ...lines]) }
    writeWitnessState(stateFile, new Map([...state, [origin, seen]]))
    state.set(origin, seen)
    // The signature lines of a note with an empty text are exactly what the protocol answers with.
    return { status: 200, body: formatNote('', lines).slice(1), type: TEXT }
  }

  function cosignatures(text: string): NoteSignature[] {
    const timeSeconds = Math.floor(clock.nowMs() / 1_000)
    // Zero says that no time is stated, which an answer may not.
    if (timeSeconds <= 0) throw new WarrantError('BAD_INPUT', 'the clock says 1970: a cosignature states its time')
    return signers.flatMap(({ key, sign }) => {
      try {
        return [encodeCosignature(key, timeSeconds, sign(cosignatureMessage(key, text, timeSeconds)))]
      } catch (error) {
        // ML-DSA-44 has no message for an origin above 255 bytes.
        if (error instanceof WarrantError && error.code === 'EVIDENCE_MALFORMED') return []
        throw error
      }
    })
  }

  return {
    vkeys: signers.map(({ key }) => formatWitnessVkey(key)),
    addCheckpoint,
    latest(originHash) {
      for (const [origin, { note }] of state) if (toHex(nodeCrypto.sha256(utf8(origin))) === originHash) return note
      return null
    },
  }
}

/** The lines of a log's own keys, or why the note does not count: none of them is there, or one that is does not verify. */
function signaturesOf(note: ReturnType<typeof parseNote>, keys: readonly NoteKey[]): NoteSignature[] | string {
  const lines: NoteSignature[] = []
  for (const key of keys) {
    const own = noteSignaturesOf(nodeCrypto, note, key)
    if (own === null) return `a signature of ${key.name} does not verify`
    lines.push(...own.slice(0, 1))
  }
  return lines.length > 0 ? lines : 'no key that this witness trusts for this log signed it'
}

/** Why a tree does not follow from the last one that was seen; null when it does. */
function faultOf(
  { size, root }: Pick<Seen, 'size' | 'root'>,
  last: Pick<Seen, 'size' | 'root'>,
  proof: readonly Uint8Array[],
): string | null {
  if (size === 0n && root !== toHex(emptyRoot(nodeCrypto))) return 'the root of an empty tree is another'
  // Everything extends the empty tree: there is nothing to prove from it.
  if (last.size === 0n) return proof.length === 0 ? null : 'there is nothing to prove from an empty tree'
  // Two roots for one size: the log showed different trees to different people.
  if (size === last.size && root !== last.root) return `another tree of ${size} entries was cosigned`
  const held = { size1: last.size, root1: fromHex(last.root), size2: size, root2: fromHex(root), proof }
  return verifyConsistency(nodeCrypto, held) ? null : 'the consistency proof does not hold'
}

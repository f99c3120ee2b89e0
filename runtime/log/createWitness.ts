import { existsSync, readFileSync } from 'node:fs'
import { z } from 'zod'
import type { Ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { fromBase64, toBase64, toHex, utf8 } from '#verifier/evidence/bytes.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Clock } from '#verifier/evidence/ports/clock.ts'
import { count, digest } from '#verifier/evidence/primitives.ts'
import { openCheckpoint, parseCheckpoint } from '#verifier/log/checkpoint.ts'
import { cosignatureMessage, encodeCosignature, formatWitnessVkey, witnessKey } from '#verifier/log/cosignature.ts'
import { emptyRoot, verifyConsistency } from '#verifier/log/merkle.ts'
import { formatNote, type NoteKey, parseNote } from '#verifier/log/signedNote.ts'
import { writeDurably } from './disk.ts'

/** An answer of the tlog-witness protocol: HTTP status, body, content type. */
export type WitnessAnswer = { status: 200 | 400 | 403 | 404 | 409 | 422; body: string; type?: string }

export type Witness = {
  readonly vkey: string
  addCheckpoint(body: string): WitnessAnswer
  /** The last checkpoint of a log that it cosigned, as the log gave it: what others compare with what they were shown. */
  latest(origin: string): string | null
}

/**
 * A witness (C2SP tlog-witness): cosigns a checkpoint only when it is consistent with the last one that it saw of that
 * log, and remembers it durably before it answers. `logs`: the keys of the logs that it watches.
 *
 * @throws EVIDENCE_MALFORMED when its state file is damaged
 */
export function createWitness({
  name,
  signer,
  logs,
  stateFile,
  clock,
}: {
  name: string
  signer: Ed25519Signer
  logs: readonly NoteKey[]
  stateFile: string
  clock: Clock
}): Witness {
  const key = witnessKey(nodeCrypto, name, signer.publicKey)
  const seen = new Map<string, Seen>(existsSync(stateFile) ? readState(stateFile) : [])

  function addCheckpoint(body: string): WitnessAnswer {
    const request = parseRequest(body)
    if (request === null) return { status: 400, body: 'malformed request\n' }
    const { old, proof, note } = request
    let origin: string
    let size: number
    try {
      ;({ origin, size } = parseCheckpoint(parseNote(note).text))
    } catch (error) {
      return { status: 400, body: `${reasonOf(error)}\n` }
    }
    const log = logs.find(candidate => candidate.name === origin)
    if (log === undefined) return { status: 404, body: `this witness does not watch ${origin}\n` }
    let checkpoint: ReturnType<typeof openCheckpoint>
    try {
      checkpoint = openCheckpoint(nodeCrypto, note, log)
    } catch (error) {
      return { status: 403, body: `${reasonOf(error)}\n` }
    }
    if (old > size) return { status: 400, body: 'the old size is larger than the checkpoint\n' }
    const last = seen.get(origin) ?? { size: 0, root: toHex(emptyRoot(nodeCrypto)) }
    if (old !== last.size) return { status: 409, body: `${last.size}\n`, type: 'text/x.tlog.size' }
    const root = toHex(checkpoint.root)
    // Two roots for one size: the log showed different trees to different people.
    if (old === size && root !== last.root) return { status: 409, body: `${last.size}\n`, type: 'text/x.tlog.size' }
    // Everything extends the empty tree: there is nothing to prove from it.
    const consistent =
      last.size === 0
        ? proof.length === 0 && (size > 0 || root === last.root)
        : verifyConsistency(nodeCrypto, {
            size1: last.size,
            root1: hexBytes(last.root),
            size2: size,
            root2: checkpoint.root,
            proof,
          })
    if (!consistent) return { status: 422, body: 'the consistency proof does not hold\n' }
    seen.set(origin, { size, root, note })
    writeDurably(stateFile, utf8(JSON.stringify([...seen])))
    const timeSeconds = Math.floor(clock.nowMs() / 1_000)
    const signature = signer.sign(cosignatureMessage(checkpoint.note.text, timeSeconds))
    // The signature lines of a note with an empty text are exactly what the protocol answers with.
    return { status: 200, body: formatNote('', [encodeCosignature(key, timeSeconds, signature)]).slice(1) }
  }

  return { vkey: formatWitnessVkey(key), addCheckpoint, latest: origin => seen.get(origin)?.note ?? null }
}

/** The body of add-checkpoint: `old SIZE`, proof lines, an empty line, the checkpoint. */
function parseRequest(body: string): { old: number; proof: Uint8Array[]; note: string } | null {
  const split = body.indexOf('\n\n')
  if (split < 0 || body.length > 1_000_000) return null
  const [first = '', ...lines] = body.slice(0, split).split('\n')
  const old = /^old (0|[1-9][0-9]{0,15})$/.exec(first)
  if (old === null || lines.length > 63) return null
  try {
    return { old: Number(old[1]), proof: lines.map(fromBase64), note: body.slice(split + 2) }
  } catch {
    return null
  }
}

/** The request that a log sends a witness. */
export function formatAddCheckpoint(old: number, proof: readonly Uint8Array[], note: string): string {
  return `old ${old}\n${proof.map(hash => `${toBase64(hash)}\n`).join('')}\n${note}`
}

/** What a witness remembers of a log. */
type Seen = { size: number; root: string; note: string }
const stateSchema = z.array(z.tuple([z.string(), z.strictObject({ size: count, root: digest, note: z.string() })]))

function readState(file: string): [string, Seen][] {
  try {
    return stateSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch (cause) {
    throw new WarrantError(
      'EVIDENCE_MALFORMED',
      `${file}: the witness's state is damaged: without it a witness must not sign`,
      { cause },
    )
  }
}

const hexBytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))

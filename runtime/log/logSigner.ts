import { randomBytes } from 'node:crypto'
import type { Ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { keyChain, shortVkey } from '#verifier/audit/logKeys.ts'
import { toHex, utf8 } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { RECORD_VERSION, type RecordOf } from '#verifier/evidence/record.ts'
import { handoverBytes } from '#verifier/evidence/records/handover.ts'
import { formatVkey, type NoteKey, type NoteSignature, noteKey } from '#verifier/log/signedNote.ts'

/** What signs a log's checkpoints: one key, and from a handover's entry on the next. */
export type LogSigner = {
  readonly origin: string
  /** The key in force, as text. */
  readonly vkey: string
  readonly key: NoteKey
  /** Keys that this process has signed with, the present one first. */
  readonly keys: readonly NoteKey[]
  /** Signs the text of a tree of `size` with the key that is in force at it. */
  sign(text: string, size: number): NoteSignature
  /** The record that hands a tree over to another key, which signs every tree that holds it. */
  handOver(next: Ed25519Signer, tree: { size: number; root: Uint8Array; atMs: number }): RecordOf<'handover'>
}

/** A log's signer. @throws BAD_INPUT for an origin that is no key's name */
export function createLogSigner(origin: string, first: Ed25519Signer): LogSigner {
  const keyed = (signer: Ed25519Signer) => ({ signer, key: noteKey(nodeCrypto, origin, signer.publicKey) })
  let inForce = keyed(first)
  let next: (ReturnType<typeof keyed> & { index: number }) | null = null
  const past: NoteKey[] = []

  return {
    origin,
    get vkey() {
      return formatVkey(inForce.key)
    },
    get key() {
      return inForce.key
    },
    get keys() {
      return [inForce.key, ...past]
    },
    sign(text, size) {
      if (next !== null && size > next.index) {
        past.unshift(inForce.key)
        inForce = next
        next = null
      }
      const { key, signer } = inForce
      return { name: origin, id: key.id, signature: signer.sign(utf8(text)) }
    },
    handOver(signer, { size, root, atMs }) {
      const taking = keyed(signer)
      if (next !== null || toHex(taking.key.publicKey) === toHex(inForce.key.publicKey))
        throw new WarrantError('BAD_INPUT', 'a log is handed over to another key than its own, once at a time')
      const body = { from: formatVkey(inForce.key), to: formatVkey(taking.key), size, root: toHex(root) }
      const bytes = handoverBytes(body)
      const signatures = { from: toHex(inForce.signer.sign(bytes)), to: toHex(signer.sign(bytes)) }
      next = { ...taking, index: size }
      return {
        v: RECORD_VERSION,
        kind: 'handover',
        runId: randomBytes(16).toString('hex'),
        seq: 0,
        atMs,
        parents: [],
        body: { ...body, signatures },
      }
    },
  }
}

/**
 * Whether a log goes on under `key`: the key of its published checkpoint (null: nothing is published), then the handovers
 * among the entries that only the write-ahead log has, must lead to it.
 *
 * @throws EVIDENCE_MALFORMED when it is under another key
 */
export function requireKeyInForce(published: string | null, unpublished: readonly Uint8Array[], key: NoteKey): void {
  // Where nothing is published, only a handover says whose log it is.
  const last = keyChain([published ?? ''], unpublished).at(-1)
  if (last !== undefined && last !== '' && last !== formatVkey(key))
    throw new WarrantError(
      'EVIDENCE_MALFORMED',
      `this log is under the key ${shortVkey(last)}, and the one given is ${shortVkey(formatVkey(key))}: open it with its own`,
    )
}

import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { cosignedAt } from '#verifier/log/cosignature.ts'
import type { QuorumWitness } from '#verifier/log/quorum.ts'
import { parseNote } from '#verifier/log/signedNote.ts'
import { askWitness } from './witnessClient.ts'

/** A checkpoint to be cosigned, and the way from any smaller tree to it. */
export type ToCosign = { note: string; size: number; consistencyProof(from: number): readonly Uint8Array[] }

/** Asks witnesses for their cosignatures. */
export type Cosigner = {
  /**
   * The note with the cosignatures of every witness that answered; one that is down is left out, and whoever demands a
   * quorum sees that it is not met.
   *
   * @throws LOG_BEHIND when a witness has seen a larger tree, or another one of this size: this log was rolled back or forked
   */
  cosign(checkpoint: ToCosign): Promise<string>
  /** Why witnesses did not cosign last time, by name. */
  readonly silent: ReadonlyMap<string, string>
}

/** A cosigner over witnesses that have a URL. */
export function createCosigner(witnesses: readonly QuorumWitness[]): Cosigner {
  const seen = new Map<string, number>()
  const silent = new Map<string, string>()

  async function cosignatureOf(
    { name, key, url }: QuorumWitness & { url: string },
    { note, size, consistencyProof }: ToCosign,
  ): Promise<string> {
    // What it saw last is known from its last answer, else asked for: a conflict names its size.
    for (let attempt = 0; attempt < 3; attempt++) {
      const old = Math.min(seen.get(name) ?? 0, size)
      const { status, body } = await askWitness(url, { old, proof: consistencyProof(old), note })
      if (status === 409) {
        const known = Number(body.trim())
        if (!Number.isSafeInteger(known) || known < 0)
          throw new WarrantError('REFUSED', `answered a conflict without a size`)
        if (known > size)
          throw new WarrantError(
            'LOG_BEHIND',
            `witness ${name} has seen ${known} entries of this log, which now has ${size}: it was rolled back`,
          )
        if (known === old)
          throw new WarrantError(
            'LOG_BEHIND',
            `witness ${name} has seen another tree of ${size} entries: this log was forked`,
          )
        seen.set(name, known)
        continue
      }
      if (status === 422)
        throw new WarrantError(
          'LOG_BEHIND',
          `witness ${name}: what it saw is no prefix of this log: it was forked or rewritten`,
        )
      if (status !== 200) throw new WarrantError('REFUSED', `answered ${status}: ${body.trim().slice(0, 200)}`)
      if (cosignedAt(nodeCrypto, parseNote(note + body), key) === null)
        throw new WarrantError('REFUSED', 'its cosignature does not verify with its key')
      seen.set(name, size)
      return body
    }
    throw new WarrantError('REFUSED', 'its size keeps changing: another process feeds it')
  }

  return {
    silent,
    async cosign(checkpoint) {
      const asked = witnesses.flatMap(witness => (witness.url === null ? [] : [{ ...witness, url: witness.url }]))
      const lines = await Promise.all(
        asked.map(async witness => {
          try {
            const line = await cosignatureOf(witness, checkpoint)
            silent.delete(witness.name)
            return line
          } catch (error) {
            if (error instanceof WarrantError && error.code === 'LOG_BEHIND') throw error
            silent.set(witness.name, reasonOf(error))
            return ''
          }
        }),
      )
      return checkpoint.note + lines.join('')
    },
  }
}

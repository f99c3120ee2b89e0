import { readQuorum } from '#runtime/cli/lib/readQuorum.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { toHex } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { cosignedAt, formatWitnessVkey, parseWitnessVkey } from '#verifier/log/cosignature.ts'
import { type NoteKey, parseNote, type SignedNote } from '#verifier/log/signedNote.ts'
import type { Pins } from './pins.ts'

/** Who cosigned a checkpoint, of the witnesses whose keys are known. `unmet`: what was required and does not hold, in words. */
export type WitnessReport = {
  /** Witnesses whose keys are known here: from a quorum file, from pins, from what is required. */
  known: number
  cosigned: { name: string; key: string; timeSeconds: number }[]
  unmet: string[]
}

export type WitnessOptions = {
  /** `NAME`, a witness's verification key, or a number of witnesses; all of them must hold. */
  requireWitness?: readonly string[] | undefined
  /** A quorum file, which must be met. */
  quorum?: string | undefined
}

type Known = { names: string[]; key: NoteKey }

/**
 * Asks a checkpoint who cosigned it. One key counts once, under however many names.
 *
 * @throws BAD_INPUT when a requirement cannot be asked: a witness whose key is nowhere, more witnesses than are known
 */
export function askWitnesses(note: string | null, options: WitnessOptions, pins: Pins): WitnessReport {
  const { requireWitness: required = [] } = options
  const quorum = options.quorum === undefined ? null : readQuorum(options.quorum)
  const known = new Map<string, Known>()
  const know = (key: NoteKey, ...names: string[]) => {
    const id = toHex(key.publicKey)
    known.set(id, { key, names: [...new Set([...(known.get(id)?.names ?? []), ...names, key.name])] })
  }
  for (const { name, key } of quorum?.witnesses ?? []) know(key, name)
  for (const key of pins.witnesses) know(key)
  for (const text of required) if (text.includes('+')) know(vkeyOf(text))
  const all = [...known.values()]
  const signed = note === null ? null : readNote(note)
  const timeOf = ({ key }: Known) => (signed === null ? null : cosignedAt(nodeCrypto, signed, key))
  const cosigned = all.flatMap(witness => {
    const timeSeconds = timeOf(witness)
    const [name = witness.key.name] = witness.names
    return timeSeconds === null ? [] : [{ name, key: formatWitnessVkey(witness.key), timeSeconds }]
  })
  const unmet: string[] = []
  for (const text of required) {
    const asked = witnessesAsked(text, all)
    // A witness may have several keys: it counts once.
    const count = namesOf(asked.witnesses.filter(witness => timeOf(witness) !== null)).size
    if (count < asked.least)
      unmet.push(
        /^\d+$/.test(text)
          ? `--require-witness ${text}: cosigned by ${count} of the ${namesOf(all).size} witnesses that are known`
          : `--require-witness ${text}: this witness has not cosigned the checkpoint`,
      )
  }
  if (quorum !== null && signed !== null) {
    const { met, cosigned: by } = quorum.check(nodeCrypto, signed)
    const who = by.map(({ name }) => name).join(', ') || 'none of them'
    if (!met) unmet.push(`the quorum of ${options.quorum} is not met: cosigned by ${who}`)
  }
  return { known: namesOf(all).size, cosigned, unmet }
}

/** The witnesses that a requirement speaks of, and how many of them must have cosigned. @throws BAD_INPUT */
function witnessesAsked(text: string, all: readonly Known[]): { witnesses: readonly Known[]; least: number } {
  const cannot = (reason: string) =>
    new WarrantError('BAD_INPUT', `--require-witness ${text}: cannot be asked: ${reason}`)
  const how = 'give --quorum FILE, its verification key, or a line with that key in ./warrant.pins'
  if (/^\d+$/.test(text)) {
    const least = Number(text)
    if (least < 1) throw cannot('at least 1')
    const known = namesOf(all).size
    if (least > known) throw cannot(`the keys of ${known} witnesses are known here: ${how}`)
    return { witnesses: all, least }
  }
  const witnesses = text.includes('+')
    ? all.filter(({ key }) => formatWitnessVkey(key) === text)
    : all.filter(({ names }) => names.includes(text))
  if (witnesses.length === 0) {
    const names = all.flatMap(({ names: [name] }) => name ?? []).join(', ')
    throw cannot(`no key of that witness is known here${names === '' ? '' : `, only of ${names}`}: ${how}`)
  }
  return { witnesses, least: 1 }
}

/** Who they are: the name that a quorum file gives, else the key's own. */
const namesOf = (witnesses: readonly Known[]) => new Set(witnesses.map(({ names: [name] }) => name))

function vkeyOf(text: string): NoteKey {
  try {
    return parseWitnessVkey(nodeCrypto, text)
  } catch (error) {
    throw new WarrantError('BAD_INPUT', `--require-witness: ${(error as WarrantError).shortMessage}`)
  }
}

/** The note's parts; null where it is none, which the verification says. */
function readNote(note: string): SignedNote | null {
  try {
    return parseNote(note)
  } catch {
    return null
  }
}

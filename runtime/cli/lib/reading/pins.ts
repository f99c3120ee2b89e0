import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { resolve, sep } from 'node:path'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { maskKeys } from '#verifier/evidence/text/redact.ts'
import { parseWitnessVkey } from '#verifier/log/cosignature.ts'
import { type NoteKey, parseVkey } from '#verifier/log/signedNote.ts'

/** Where a person keeps the keys that they trust, in the directory that they work in. */
export const PINS = 'warrant.pins'

/** Keys that a person trusts: of logs, and of witnesses. `file`: where they stand; null where there is none. */
export type Pins = { file: string | null; logs: NoteKey[]; witnesses: NoteKey[] }

/**
 * The keys in a file of pins: a verification key a line, of a log or of a witness (its type says which); `#` begins a
 * comment. Without `given` the file is `warrant.pins` here, if there is one. `log`: the log's directory, which pins
 * nothing itself.
 *
 * @throws FILE_MISSING, BAD_CONFIG naming file and line, BAD_INPUT when the log would pin itself
 */
export function readPins({ given, log }: { given: string | undefined; log: string | null }): Pins {
  const file = given ?? PINS
  if (!existsSync(file)) {
    if (given === undefined) return { file: null, logs: [], witnesses: [] }
    throw new WarrantError('FILE_MISSING', `${maskKeys(file)}: no such file of keys`)
  }
  if (log !== null && isUnder(file, log))
    throw new WarrantError(
      'BAD_INPUT',
      `${resolve(file)} lies in the log's own directory: a log does not say itself whose it is; keep your pins elsewhere`,
    )
  const pins: Pins = { file, logs: [], witnesses: [] }
  for (const [i, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    const text = line.replace(/(^|\s)#.*$/, '').trim()
    if (text === '') continue
    const key = pinOf(text)
    if (key === null)
      throw new WarrantError(
        'BAD_CONFIG',
        `${file}:${i + 1}: ${whyNot(text)}: expected NAME+ID+KEY, as a log prints it`,
      )
    pins[key.isWitness ? 'witnesses' : 'logs'].push(key.key)
  }
  return pins
}

/** The key that a line names, and of whom it is; null where it is none. */
export function pinOf(text: string): { key: NoteKey; isWitness: boolean } | null {
  for (const [parse, isWitness] of [[parseVkey, false] as const, [parseWitnessVkey, true] as const]) {
    try {
      return { key: parse(nodeCrypto, text), isWitness }
    } catch {}
  }
  return null
}

function whyNot(text: string): string {
  try {
    parseVkey(nodeCrypto, text)
    return 'is no key'
  } catch (error) {
    return reasonOf(error)
  }
}

/** Whether a file lies under a directory, whatever links lead there. */
function isUnder(file: string, dir: string): boolean {
  if (!existsSync(dir) || !statSync(dir).isDirectory()) return false
  return realpathSync(file).startsWith(`${realpathSync(dir)}${sep}`)
}

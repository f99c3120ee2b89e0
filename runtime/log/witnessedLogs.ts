import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { type NoteKey, parseVkey } from '#verifier/log/signedNote.ts'

/** The keys that a witness trusts for each origin: several while a log changes its key. */
export type WitnessedLogs = ReadonlyMap<string, readonly NoteKey[]>

/**
 * The logs of a witness from `VKEY` (whose name is the origin) or `VKEY ORIGIN` (a key of another name), each given once
 * for each key.
 *
 * @throws BAD_INPUT
 */
export function parseWitnessedLogs(texts: readonly string[]): WitnessedLogs {
  const logs = new Map<string, NoteKey[]>()
  for (const text of texts) {
    const space = text.indexOf(' ')
    const key = parseVkey(nodeCrypto, space < 0 ? text : text.slice(0, space))
    const origin = space < 0 ? key.name : text.slice(space + 1)
    if (origin === '' || origin.includes('\n'))
      throw new WarrantError('BAD_INPUT', `the origin of ${key.name} must be one line, and not empty`)
    const keys = logs.get(origin) ?? []
    logs.set(origin, [...keys, key])
  }
  return logs
}

/** The same from a file: a line each, as it is or after `log ` (C2SP tlog-policy); empty lines and comments are skipped. */
export function witnessedLogLines(text: string): string[] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => line.replace(/^log\s+/, ''))
}

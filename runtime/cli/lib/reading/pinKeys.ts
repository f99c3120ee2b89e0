import { existsSync, readFileSync } from 'node:fs'
import { writeDurably } from '#runtime/log/disk.ts'
import { utf8 } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { keyBeside, withLogPlace } from './logPlace.ts'
import { pinOf, readPins } from './pins.ts'

/** Keys that were added to a file of pins; `from`: the log that the key was taken from, null where it was given. */
export type Pinned = { file: string; added: { key: string; from: string | null }[] }

/** Adds keys to a file of pins, each once. @throws BAD_INPUT, BAD_CONFIG, FILE_MISSING */
export async function pinKeys(what: readonly string[], file: string): Promise<Pinned> {
  const isThere = existsSync(file)
  if (isThere) readPins({ given: file, log: null })
  const before = isThere ? readFileSync(file, 'utf8') : ''
  const known = new Set(before.split('\n').map(line => line.trim()))
  const added: Pinned['added'] = []
  for (const given of what) {
    const from = pinOf(given) === null ? given : null
    const key = from === null ? given : await withLogPlace(given, keyBeside)
    if (key === null || pinOf(key) === null)
      throw new WarrantError('BAD_INPUT', `${given}: is no verification key, and no log with one beside it`)
    if (known.has(key)) continue
    known.add(key)
    added.push({ key, from })
  }
  const start = before === '' || before.endsWith('\n') ? before : `${before}\n`
  if (added.length > 0) writeDurably(file, utf8(`${start}${added.map(({ key }) => `${key}\n`).join('')}`))
  return { file, added }
}

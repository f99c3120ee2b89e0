import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { utf8 } from '#verifier/evidence/bytes.ts'
import { writeDurably } from './disk.ts'

/** Writes the key that a log is verified with beside it, where it names another or none. */
export function publishKey(dir: string, vkey: string): void {
  const path = join(dir, 'vkey')
  const line = `${vkey}\n`
  if (existsSync(path) && readFileSync(path, 'utf8') === line) return
  writeDurably(path, utf8(line))
}

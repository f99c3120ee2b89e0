import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeDirectory } from '#runtime/log/disk.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { TEMPLATES } from './templates.ts'

/** Writes the templates into `dir`, which must be empty or missing. @throws BAD_INPUT */
export function initStrategy(dir: string): string[] {
  if (existsSync(dir) && readdirSync(dir).length > 0)
    throw new WarrantError('BAD_INPUT', `${dir} is not empty: name a new directory`)
  makeDirectory(dir)
  for (const [file, text] of Object.entries(TEMPLATES)) writeFileSync(join(dir, file), text, { flag: 'wx' })
  return Object.keys(TEMPLATES)
}

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { LogFiles } from '#verifier/log/verifyTree.ts'

/** A log directory as the verifier reads it. @throws FILE_MISSING */
export function openLogFiles(dir: string): LogFiles {
  if (!existsSync(dir) || !statSync(dir).isDirectory())
    throw new WarrantError('FILE_MISSING', `${dir}: no such log directory`)
  if (!existsSync(join(dir, 'checkpoint'))) {
    throw new WarrantError(
      'FILE_MISSING',
      `${dir}: holds no checkpoint: give the directory of a log (the demo prints it)`,
    )
  }
  return {
    async read(path) {
      try {
        return readFileSync(join(dir, path))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'EISDIR')
          return null
        throw error
      }
    },
    async list() {
      return walk(dir, '')
    },
  }
}

function walk(root: string, prefix: string): string[] {
  return readdirSync(join(root, prefix), { withFileTypes: true }).flatMap(entry => {
    const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`
    return entry.isDirectory() ? walk(root, path) : [path]
  })
}

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { WarrantError } from '#verifier/evidence/error.ts'
import { refuseKeyAsName } from '#verifier/evidence/secp256k1.ts'
import { unignoredIn } from './unignoredIn.ts'

/**
 * Writes a new secret into a file of its own (mode 0600), which must not exist. In a git work tree the path must be
 * ignored; `hides`: a directory that is made for the key is made ignored, for keys that come to be without being asked for.
 *
 * @throws BAD_INPUT when the file exists, or git would take it
 */
export function writeKeyFile(file: string, secret: string, { hides = true }: { hides?: boolean } = {}): void {
  refuseKeyAsName(file)
  if (existsSync(file))
    throw new WarrantError('BAD_INPUT', `${file} exists, and a key is never overwritten: give another name`)
  const dir = dirname(resolve(file))
  const tree = unignoredIn(file)
  if (tree !== null && (!hides || existsSync(dir)))
    throw new WarrantError(
      'BAD_INPUT',
      `${file}: lies in the git work tree ${tree}, which does not ignore it: the key would be committed with all the rest`,
      { details: `put it elsewhere, or ignore it first, with a line in ${join(tree, '.gitignore')}` },
    )
  mkdirSync(dir, { recursive: true })
  if (tree !== null) writeFileSync(join(dir, '.gitignore'), '*\n', { flag: 'wx' })
  writeFileSync(file, `${secret}\n`, { mode: 0o600, flag: 'wx' })
}

import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** The folder of the sources, also when this runs from dist/. */
export const ROOT = ['../..', '../../..']
  .map(up => resolve(import.meta.dirname, up))
  .find(root => existsSync(join(root, 'verifier/contracts/WarrantModule.sol'))) as string

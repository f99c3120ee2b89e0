import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { transformSync } from 'esbuild'
import { afterAll, describe, expect, test } from 'vitest'
import { type Mutation, mutate } from './mutation.ts'
import { VERIFIER_ATTACKS } from './verifierAttacks.ts'

// Each attack is refused by the verifier, and succeeds in a scratch copy whose defence is mutated away.
const ROOT = resolve(import.meta.dirname, '../../..')
const scratch = mkdtempSync(join(tmpdir(), 'warrant-verifier-attacks-'))
afterAll(() => rmSync(scratch, { recursive: true }))

function answerOf(name: string, root: string): string {
  const main = join(root, 'dist/test/attack/chain/verifierMain.js')
  const run = spawnSync(process.execPath, [main, name], { encoding: 'utf8', timeout: 90_000, cwd: root })
  if (run.stdout === '') throw new Error(run.stderr)
  return JSON.parse(run.stdout)
}

/** A copy of what was built, with the mutated files translated anew. */
function copyWithout(name: string, mutations: readonly Mutation[]): string {
  const root = join(scratch, name)
  cpSync(join(ROOT, 'dist'), join(root, 'dist'), { recursive: true })
  cpSync(join(ROOT, 'package.json'), join(root, 'package.json'))
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'))
  for (const file of new Set(mutations.map(mutation => mutation.file))) {
    const text = mutate(file, readFileSync(join(ROOT, file), 'utf8'), mutations)
    const { code } = transformSync(text, { loader: 'ts', format: 'esm', target: 'es2023' })
    // Imports by a relative path name the built files.
    const built = code.replace(/(from\s+["']\.[^"']*)\.ts(["'])/g, '$1.js$2')
    writeFileSync(join(root, 'dist', file.replace(/\.ts$/, '.js')), built)
  }
  return root
}

describe('attacks on the verifier', () => {
  test.each(VERIFIER_ATTACKS.map((attack, i) => ({ ...attack, i })))(
    '$name',
    ({ name, refusedBy, without, i }) => {
      expect(answerOf(name, ROOT)).toContain(refusedBy)
      expect(answerOf(name, copyWithout(String(i), without))).toBe('succeeded')
    },
    200_000,
  )
})

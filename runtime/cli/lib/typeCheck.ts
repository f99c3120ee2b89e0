import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WarrantError } from '#verifier/evidence/error.ts'

const SDK = [
  new URL('../../../strategies/sdk/', import.meta.url),
  new URL('../../../dist/strategies/sdk/', import.meta.url),
]
  .map(url => fileURLToPath(url))
  .find(dir => existsSync(join(dir, 'index.d.ts')))

/** Type-checks a strategy module against the SDK. @throws FILE_MISSING, STRATEGY_INVALID with the compiler's words */
export function typeCheck(module: string): void {
  const path = resolve(module)
  if (!existsSync(path)) throw new WarrantError('FILE_MISSING', `${module}: no such strategy module`)
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
  const dir = mkdtempSync(join(tmpdir(), 'warrant-types-'))
  try {
    const compilerOptions = {
      ...{
        target: 'es2023',
        lib: ['es2024'],
        module: 'nodenext',
        strict: true,
        noEmit: true,
        skipLibCheck: true,
        allowImportingTsExtensions: true,
      },
      types: [],
      paths: {
        'warrant/sdk': [join(SDK ?? '', 'index.d.ts')],
        warrant: [join(SDK ?? '', 'index.d.ts')],
        'warrant/testing': [join(SDK ?? '', 'testing.d.ts')],
      },
    }
    writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [path] }))
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', dir, '--pretty', 'false'], {
      encoding: 'utf8',
      cwd: process.cwd(),
    })
    if (status === 0) return
    const [first = '', ...rest] = stdout.trim().split('\n')
    throw new WarrantError(
      'STRATEGY_INVALID',
      `does not type-check: ${first}`,
      rest.length > 0 ? { details: rest.join('\n') } : {},
    )
  } finally {
    rmSync(dir, { recursive: true })
  }
}

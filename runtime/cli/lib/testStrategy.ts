import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { WarrantError } from '#verifier/evidence/error.ts'

const SDK = fileURLToPath(new URL('../../../strategies/sdk/', import.meta.url))
const EXTENSION = fileURLToPath(import.meta.url).endsWith('.ts') ? '.ts' : '.js'

/** Bundles the test beside a strategy and runs it. Returns the exit code: 0 passed, 1 failed. @throws FILE_MISSING, STRATEGY_INVALID */
export async function testStrategy(module: string): Promise<number> {
  const test = resolve(module.replace(/\.(ts|js)$/, '.test.$1'))
  if (!existsSync(test)) throw new WarrantError('FILE_MISSING', `${test}: there is no test beside the strategy`)
  const dir = mkdtempSync(join(tmpdir(), 'warrant-test-'))
  try {
    const outfile = join(dir, 'strategy.test.mjs')
    await build({
      entryPoints: [test],
      bundle: true,
      outfile,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      sourcemap: 'inline',
      logLevel: 'silent',
      alias: {
        'warrant/sdk': join(SDK, `index${EXTENSION}`),
        warrant: join(SDK, `index${EXTENSION}`),
        'warrant/testing': join(SDK, `testing${EXTENSION}`),
      },
    }).catch((error: { errors?: { text: string; location: { file: string; line: number } | null }[] }) => {
      const [first] = error.errors ?? []
      throw new WarrantError(
        'STRATEGY_INVALID',
        `${first?.location?.file ?? test}:${first?.location?.line ?? 1}: ${first?.text ?? String(error)}`,
      )
    })
    // A test runner inside another one would take itself for its child.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    return spawnSync(process.execPath, ['--enable-source-maps', '--test', outfile], { stdio: 'inherit', env })
      .status === 0
      ? 0
      : 1
  } finally {
    rmSync(dir, { recursive: true })
  }
}

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { WarrantError } from '#verifier/evidence/error.ts'
import { complainLines, printLines } from './output.ts'

const SDK = fileURLToPath(new URL('../../../strategies/sdk/', import.meta.url))
const EXTENSION = fileURLToPath(import.meta.url).endsWith('.ts') ? '.ts' : '.js'

export type StrategyTestReport = { ok: boolean; test: string; passed: number; failed: number }

/** Bundles the test beside a strategy and runs it; what it says goes to people, on stderr where `json`. @throws FILE_MISSING, STRATEGY_INVALID */
export async function testStrategy(module: string, json: boolean): Promise<StrategyTestReport> {
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
    const args = ['--enable-source-maps', '--test', ...(json ? ['--test-reporter=tap'] : []), outfile]
    const run = spawnSync(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env })
    const said = String(run.stdout ?? '')
    if (json) complainLines(said)
    else printLines(said)
    complainLines(String(run.stderr ?? ''))
    const count = (what: string) => Number(new RegExp(`^# ${what} (\\d+)`, 'm').exec(said)?.[1] ?? 0)
    return { ok: run.status === 0, test, passed: count('pass'), failed: count('fail') }
  } finally {
    rmSync(dir, { recursive: true })
  }
}

import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'

const MAIN = resolve(import.meta.dirname, '../../dist/runtime/cli/main.js')

/** Runs the built command line. */
export function warrant(
  args: readonly string[],
  options: { timeout?: number; cwd?: string } = {},
): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    timeout: 300_000,
    maxBuffer: 1 << 28,
    ...options,
  })
  return { status, stdout, stderr }
}

import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, renameSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { warrant } from './warrant.ts'

const STAMP = resolve(import.meta.dirname, '../../dist/.stamp')

/** A demo of four decisions with all its keys, made once for each build of this machine. Nobody writes to it. */
export function demoLog(): string {
  const build = createHash('sha256').update(readFileSync(STAMP)).digest('hex').slice(0, 16)
  const dir = join(tmpdir(), `warrant-demo-log-${build}`)
  if (existsSync(dir)) return dir
  const made = join(mkdtempSync(join(tmpdir(), 'warrant-demo-')), 'demo')
  const { status, stderr } = warrant(['demo', '--once', '--json', '--decisions', '4', '--out', made])
  if (status !== 0) throw new Error(`the demo ended with ${status}: ${stderr}`)
  try {
    renameSync(made, dir)
  } catch (error) {
    // Another process was faster.
    if (!existsSync(dir)) throw error
  }
  return dir
}

import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Finding } from '#verifier/log/verifyTree.ts'
import { rulesBrokenIn, type WholeLog } from '../attack/contradictedLogs.ts'
import type { Files } from '../attack/rewrittenLogs.ts'
import { type GoReport, goVerifyMany } from './goVerifier.ts'

/** What both implementations said of one log: the rules that are broken, in order, each once; "" for a missing payload. */
export type Said = { name: string; here: string[]; there: string[]; why: string }

/**
 * Has both implementations read logs. The logs lie in `dir` meanwhile; their payloads are the base's, written once.
 *
 * @throws Error when the second one says that a tree or a file is wrong, which none of these are
 */
export async function readTwice(
  dir: string,
  base: WholeLog,
  logs: readonly { name: string; files: Files }[],
): Promise<Said[]> {
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, 'pack-000000'), base.blobs)
  const at = (i: number) => join(dir, `log-${i}`)
  for (const [i, { files }] of logs.entries())
    for (const [path, bytes] of files) {
      const file = join(at(i), path)
      mkdirSync(dirname(file), { recursive: true })
      if (path === 'blobs/pack-000000') symlinkSync(join(dir, 'pack-000000'), file)
      else writeFileSync(file, bytes)
    }
  const there = goVerifyMany(logs.map((_, i) => ({ dir: at(i), vkey: base.vkey })))
  const said: Said[] = []
  for (const [i, { name, files }] of logs.entries()) {
    const [found, report] = [await rulesBrokenIn(base, files), there[i] as GoReport]
    if (report.fault !== '') throw new Error(`${name}: Go: ${report.fault}`)
    const other = report.findings ?? []
    said.push({
      name,
      here: rulesOf(found.map(({ rule }) => rule ?? '')),
      there: rulesOf(other.map(({ rule }) => rule)),
      why: `here: ${told(found)} there: ${other.map(({ rule, entry, reason }) => `${rule} entry ${entry}: ${reason}`).join(' | ')}`,
    })
  }
  rmSync(dir, { recursive: true })
  return said
}

const rulesOf = (rules: readonly string[]) => [...new Set(rules)].sort()
const told = (findings: readonly Finding[]) =>
  findings.map(({ where, reason, rule }) => `${rule ?? ''} ${where}: ${reason}`).join(' | ')

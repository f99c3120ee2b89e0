import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { privateKeyToAccount } from 'viem/accounts'
import { openExecutorKey } from '#runtime/chain/signer.ts'
import { openEd25519Key } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { RULES, type RuleId } from '#verifier/audit/rules/ruleList.ts'
import { verifyLog } from '#verifier/audit/verifyLog.ts'
import { fromUtf8, toHex } from '#verifier/evidence/bytes.ts'
import { hashLeaf } from '#verifier/log/merkle.ts'
import { type NoteKey, parseVkey } from '#verifier/log/signedNote.ts'
import { verifyTree } from '#verifier/log/verifyTree.ts'
import { openVerifierKey } from '#verifier/service/key.ts'
import { seededRandom } from '../fault/seededRandom.ts'
import type { Lie } from './contradictions/tell.ts'
import { CONTRADICTIONS } from './contradictions.ts'
import { type AllKeys, forge, type Marks } from './forge.ts'
import type { Loose } from './rewritings.ts'
import { type Files, filesOf, logFiles } from './rewrittenLogs.ts'

/** A whole log, and every key that it names. */
export type WholeLog = { entries: Uint8Array[]; blobs: Uint8Array; key: NoteKey; vkey: string; keys: AllKeys }

/** Reads a demo's log and all of its keys. */
export async function readWholeLog(demoDir: string): Promise<WholeLog> {
  const dir = join(demoDir, 'log')
  const vkey = readFileSync(join(dir, 'vkey'), 'utf8').trim()
  const key = parseVkey(nodeCrypto, vkey)
  const entries: Uint8Array[] = []
  await verifyTree({ files: openLogFiles(dir), crypto: nodeCrypto, key }, entry => void entries.push(entry.slice()))
  return {
    entries,
    blobs: new Uint8Array(readFileSync(join(dir, 'blobs', 'pack-000000'))),
    key,
    vkey,
    keys: {
      log: openEd25519Key(join(demoDir, 'keys', 'log.key')),
      agent: openEd25519Key(join(demoDir, 'keys', 'agent.key')),
      worker: openEd25519Key(join(demoDir, 'keys', 'worker.key')),
      verifier: openVerifierKey(join(demoDir, 'verifier', 'verifier.key')),
      executor: openExecutorKey(join(demoDir, 'keys', 'executor.key')),
      approver: privateKeyToAccount(`0x${'a7'.repeat(32)}`),
    },
  }
}

type Tell = (lie: Lie) => void | Promise<void>

/** Rules that a log, made anew around what a case does, breaks. No case: the log as it was, by the same forger. */
export async function rulesBroken(base: WholeLog, seed: number, tell?: Tell) {
  return rulesBrokenIn(base, await toldFiles(base, seed, tell))
}

/** What this implementation finds in the files of a log. */
export async function rulesBrokenIn(base: WholeLog, files: Files) {
  const report = await verifyLog({ files: filesOf(files), crypto: nodeCrypto, key: base.key })
  return report.findings
}

/** The files of a log that is made anew around what a case does. */
export async function toldFiles(base: WholeLog, seed: number, tell?: Tell): Promise<Files> {
  return logFiles(base, await forgedEntries(base, seed, tell))
}

/** The entries of a log, made anew around what a case does. No case: the log as it was, by the same forger. */
export async function forgedEntries(base: WholeLog, seed: number, tell?: Tell): Promise<Uint8Array[]> {
  const records = base.entries.map(entry => JSON.parse(fromUtf8(entry)) as Loose)
  // A name for each record while the case works: its leaf hash, which is no field of it.
  for (const [i, record] of records.entries()) record.leaf = toHex(hashLeaf(nodeCrypto, base.entries[i] as Uint8Array))
  const lie: Lie = { records, marks: new Map(), keys: base.keys, random: seededRandom(seed) }
  await tell?.(lie)
  const before = new Map<Loose, string>()
  const first = new Set<string>()
  for (const record of lie.records) {
    const { leaf } = record
    delete record.leaf
    // A copy is nobody's: what names the original goes on doing so.
    if (typeof leaf === 'string' && !first.has(leaf)) before.set(record, leaf)
    if (typeof leaf === 'string') first.add(leaf)
  }
  const marks: ReadonlyMap<Loose, Marks> = lie.marks
  return forge(lie.records, { keys: base.keys, marks, before })
}

/**
 * One seeded lie of somebody who holds every key.
 *
 * @throws Error when the log is accepted, or when a rule is broken that the lie does not touch
 */
export async function contradictedCase(seed: number, base: WholeLog): Promise<string> {
  const {
    rule,
    also = [],
    name,
    tell,
  } = CONTRADICTIONS[seed % CONTRADICTIONS.length] as (typeof CONTRADICTIONS)[number]
  const findings = await rulesBroken(base, seed, tell)
  const said = findings.map(({ where, reason, rule: broken }) => `${broken ?? 'no rule'} ${where}: ${reason}`)
  if (!findings.some(finding => finding.rule === rule))
    throw new Error(`seed ${seed}: ${rule}, ${name}: not caught by ${RULES[rule]} ${said.join(' | ')}`)
  const others = findings.filter(({ rule: broken }) => broken !== rule && !also.includes(broken as RuleId))
  if (others.length > 0) throw new Error(`seed ${seed}: ${rule}, ${name}: breaks others as well: ${said.join(' | ')}`)
  return `${rule} ${name}`
}

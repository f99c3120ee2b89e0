import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readYaml } from '#config/loadConfig.ts'
import { openEd25519Key } from '#runtime/crypto/ed25519Key.ts'
import { nextFile } from '#runtime/crypto/keyRing.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { parseVkey } from '#verifier/log/signedNote.ts'
import { parsePolicy, policyDigest } from '#verifier/policy/policy.ts'
import { handLogOver } from './handLogOver.ts'
import { rotateInConfig } from './rotateInConfig.ts'
import { isListed, type ListedKind, rotateInPolicy } from './rotateInPolicy.ts'
import { rotateInQuorum } from './rotateInQuorum.ts'
import { presentKey, publicName, type RotatedKind, swapKeys, waitingKey } from './rotationKeys.ts'

export type RotateOptions = {
  key: string
  policy?: string
  config?: string
  quorum?: string
  log?: string
  origin?: string
  name?: string
  until?: string
}

/** Days that old and new key stand side by side unless said otherwise. */
const DAYS = 14

/** What a prepared rotation wrote, and what is to be done with it. */
export type Prepared = { before: string; after: string; files: string[]; policyDigest: string | null; todo: string[] }

/**
 * Makes the key that will take another's place, and drafts beside each file that names the old one what must say so:
 * nothing that runs is touched. Done again it drafts anew around the same key.
 *
 * @throws FILE_MISSING, BAD_INPUT, BAD_CONFIG
 */
export function prepareRotation(kind: RotatedKind, options: RotateOptions, nowMs: number): Prepared {
  const { key, policy, config, quorum } = options
  const name = nameOf(kind, options)
  const before = publicName(kind, presentKey(key), name)
  const after = publicName(kind, openEd25519Key(nextFile(key)), name)
  const prepared: Prepared = { before, after, files: [nextFile(key)], policyDigest: null, todo: [] }
  const draft = (file: string, text: string) => {
    writeFileSync(`${file}.next`, text)
    prepared.files.push(`${file}.next`)
  }
  const untilMs = untilOf(options.until, nowMs)
  if (policy !== undefined) {
    const rotated = rotateInPolicy(policy, { kind: listedAs(kind), before, after, fromMs: nowMs, untilMs })
    draft(policy, rotated.text)
    prepared.policyDigest = policyDigest(rotated.policy)
    prepared.todo.push(
      `the owners set ${policy}.next (warrant policy diff ${policy} ${policy}.next), and it takes the place of ${policy}`,
    )
  }
  if (config !== undefined) {
    const rotated = rotateInConfig(config, { before, after })
    draft(config, rotated.text)
    prepared.todo.push(`whoever takes this worker's answers starts again with ${config}.next`)
    prepared.todo.push(`after --now the worker starts again with --id ${rotated.id}`)
  }
  if (quorum !== undefined && kind === 'witness') {
    draft(quorum, rotateInQuorum(quorum, { before, after }))
    prepared.todo.push(`everybody who asks this witness takes ${quorum}.next in place of ${quorum}`)
    prepared.todo.push(`until then it cosigns with both: warrant witness --key ${key} --key ${nextFile(key)} …`)
  }
  if (kind === 'log') prepared.todo.push(`witnesses of the log watch both keys: --log "${before}" --log "${after}"`)
  prepared.todo.push(`then: warrant keys rotate ${kind} --key ${key} … --now`)
  return prepared
}

/**
 * Puts the prepared key in its place: the policy in force must list it already. A log is handed over first.
 *
 * @throws FILE_MISSING, BAD_INPUT when the policy does not list it now, LOG_LOCKED, EVIDENCE_MALFORMED
 */
export async function takeRotation(
  kind: RotatedKind,
  options: RotateOptions,
  nowMs: number,
): Promise<{ before: string; after: string; retired: string; size: number | null }> {
  const { key, policy, log, quorum } = options
  const name = nameOf(kind, options)
  const [present, next] = [presentKey(key), waitingKey(key)]
  const [before, after] = [publicName(kind, present, name), publicName(kind, next, name)]
  if (policy !== undefined && !isListed(parsePolicy(readYaml(policy), policy), listedAs(kind), after, nowMs))
    throw new WarrantError('BAD_INPUT', `${policy} does not list ${after} now: verifiers would refuse it`)
  let size: number | null = null
  if (kind === 'log') {
    if (log === undefined) throw new WarrantError('BAD_INPUT', '--log DIR: the log that is handed over')
    ;({ size } = await handLogOver({ dir: log, origin: name as string, present, next, quorum }))
  }
  return { before, after, ...swapKeys(key), size }
}

/** A gateway's key stands in no policy. @throws BAD_INPUT */
function listedAs(kind: RotatedKind): ListedKind {
  if (kind === 'gateway') throw new WarrantError('BAD_INPUT', "no policy lists a gateway's key: leave --policy out")
  return kind
}

/** The name that a log's or a witness's key has. */
function nameOf(kind: RotatedKind, { origin, name, log }: RotateOptions): string | null {
  if (kind === 'witness') return name ?? 'warrant.example/witness'
  if (kind !== 'log' || origin !== undefined) return origin ?? null
  const beside = log === undefined ? null : join(log, 'vkey')
  return beside !== null && existsSync(beside) ? parseVkey(nodeCrypto, readFileSync(beside, 'utf8').trim()).name : null
}

/** @throws BAD_INPUT */
function untilOf(text: string | undefined, nowMs: number): number {
  if (text === undefined) return nowMs + DAYS * 86_400_000
  const ms = /^\d{4}-\d\d-\d\d(T[\d:.]+Z)?$/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(ms) || ms <= nowMs)
    throw new WarrantError('BAD_INPUT', `--until ${text}: expected a day to come, such as 2027-01-31`)
  return ms
}

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeFunctionData, encodeFunctionData, type Hex, keccak256, type LocalAccount, parseTransaction } from 'viem'
import { MODULE_ABI } from '#runtime/chain/abi.ts'
import { openExecutorKey } from '#runtime/chain/signer.ts'
import { type Ed25519Signer, openEd25519Key } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { createMerkleTree } from '#runtime/log/merkleTree.ts'
import { verifyLog } from '#verifier/audit/verifyLog.ts'
import { claimBytes, isClaimed } from '#verifier/evidence/authorship.ts'
import { equalBytes, fromHex, fromUtf8, toHex, utf8 } from '#verifier/evidence/bytes.ts'
import { canonicalBytes } from '#verifier/evidence/canonical.ts'
import { domainBytes } from '#verifier/evidence/digest.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { Proposal } from '#verifier/evidence/records/proposal.ts'
import { formatCheckpoint } from '#verifier/log/checkpoint.ts'
import { hashLeaf, verifyConsistency } from '#verifier/log/merkle.ts'
import { formatNote, type NoteKey, parseVkey } from '#verifier/log/signedNote.ts'
import { encodeBundle } from '#verifier/log/tiles.ts'
import { type LogFiles, verifyTree } from '#verifier/log/verifyTree.ts'
import { openVerifierKey, type VerifierKey } from '#verifier/service/key.ts'
import { type Random, seededRandom } from '../fault/seededRandom.ts'
import { type Loose, pick, REWRITINGS, type Rewriting, type Work } from './rewritings.ts'

// Logs rewritten by someone who holds the log's key, and where a check stands behind a signature also that key: every
// reference is repaired and everything is hashed and signed anew, so that the inner checks are reached.

export type Keys = { log: Ed25519Signer; agent: Ed25519Signer; verifier: VerifierKey; executor: LocalAccount }
/** A real log to start from: a run's first ticks, one of them executed, and its orderly end. */
export type BaseLog = { entries: Uint8Array[]; blobs: Uint8Array; key: NoteKey; vkey: string; keys: Keys }

/** Reads the demo's log, and keeps the ticks up to the second decision. */
export async function readBaseLog(demoDir: string): Promise<BaseLog> {
  const dir = join(demoDir, 'log')
  const vkey = readFileSync(join(dir, 'vkey'), 'utf8').trim()
  const key = parseVkey(nodeCrypto, vkey)
  const all: Uint8Array[] = []
  await verifyTree({ files: openLogFiles(dir), crypto: nodeCrypto, key }, entry => void all.push(entry.slice()))
  const records = all.map(entry => JSON.parse(fromUtf8(entry)) as Loose)
  const runId = records[0]?.runId
  const own = records.flatMap((record, i) => (record.runId === runId ? [{ record, entry: all[i] as Uint8Array }] : []))
  const outcome = own.findIndex(({ record }) => record.kind === 'outcome')
  const end = own.findIndex(({ record }, i) => i > outcome && record.kind === 'decision')
  if (outcome < 0 || end < 0) throw new Error('the demo executed nothing, or nothing came after it')
  const kept = own.slice(0, end + 1)
  const count = (kind: string) => kept.filter(({ record }) => record.kind === kind).length
  // The cut-off run ends as runs do: its answers sealed, then closed.
  const answers = kept
    .filter(({ record }) => record.kind === 'response')
    .map(({ entry }) => hashLeaf(nodeCrypto, entry))
  const common = { v: 3, runId: runId as string, atMs: kept.at(-1)?.record.atMs as number, parents: [] }
  const receiptsRoot = toHex(createMerkleTree(answers).root())
  const keys = {
    log: openEd25519Key(join(demoDir, 'keys', 'log.key')),
    agent: openEd25519Key(join(demoDir, 'keys', 'agent.key')),
    verifier: openVerifierKey(join(demoDir, 'verifier', 'verifier.key')),
    executor: openExecutorKey(join(demoDir, 'keys', 'executor.key')),
  }
  const seal = { ...common, kind: 'seal', seq: kept.length, body: { epoch: 0, receipts: answers.length, receiptsRoot } }
  // Its last decision goes no further, which is on record.
  const abandoned = {
    ...common,
    kind: 'incident',
    seq: kept.length + 1,
    parents: [toHex(hashLeaf(nodeCrypto, kept.at(-1)?.entry as Uint8Array))],
    body: { what: 'a decision was abandoned', caughtBy: 'runtime', reason: 'the data ended', evidence: null },
  }
  const close = {
    ...common,
    kind: 'close',
    seq: kept.length + 2,
    body: { reason: 'the data ended', decisions: count('decision'), requests: count('request') },
  }
  const blobs = new Uint8Array(readFileSync(join(dir, 'blobs', 'pack-000000')))
  return {
    entries: [
      ...kept.map(({ entry }) => entry),
      canonicalBytes(seal),
      canonicalBytes(claimed(abandoned, keys.agent)),
      canonicalBytes(claimed(close, keys.agent)),
    ],
    blobs,
    key,
    vkey,
    keys,
  }
}

/** A record that its run claims, signed by the agent's key. */
function claimed<R extends object>(record: R, agent: Ed25519Signer): R & { signature: string } {
  return { ...record, signature: toHex(agent.sign(claimBytes(record as never))) }
}

/** What one case did: the finding that came first. */
export type Caught = { name: string; where: string; reason: string }

/**
 * One seeded case.
 *
 * @throws Error when the rewritten log is accepted, by the verifier or by a witness, or when another check was the first
 */
export async function rewrittenCase(seed: number, base: BaseLog): Promise<Caught> {
  const random = seededRandom(seed)
  const rewriting = REWRITINGS[seed % REWRITINGS.length] as Rewriting
  const records = base.entries.map(entry => JSON.parse(fromUtf8(entry)) as Loose)
  const work: Work = { records, raw: new Map(), random }
  const before = leavesOf(base.entries)
  const ids = new Map(records.map((record, i) => [record, toHex(before[i] as Uint8Array)]))
  await rewriting.change(work)
  await repair(records, ids, base.keys)
  const entries = records.map((record, i) => work.raw.get(i) ?? canonicalBytes(record))
  const files = logFiles(base, entries)
  const spoiled = FILE_CHANGES.get(rewriting.name)?.(files, random, base)
  const report = await verifyLog({ files: filesOf(spoiled ?? files), crypto: nodeCrypto, key: base.key })
  // In the order of the log: signatures of receipts are checked off the thread, and reported when they come.
  const [finding] = report.findings.toSorted((a, b) => entryOf(a.where) - entryOf(b.where))
  if (finding === undefined) throw new Error(`seed ${seed}: ${rewriting.name}: accepted`)
  const said = `${finding.where} ${finding.reason}`
  if (!rewriting.first.test(said))
    throw new Error(`seed ${seed}: ${rewriting.name}: caught by another check first: ${said}`)
  if (spoiled === undefined) refusedByWitness(seed, base, entries)
  return { name: rewriting.name, ...finding }
}

/** Which entry a finding is of; what is of none comes first. */
const entryOf = (where: string) => Number(/^entry (\d+)/.exec(where)?.[1] ?? -1)

/** A witness cosigned the true log: no consistency proof of the rewritten tree can lead from there. */
function refusedByWitness(seed: number, base: BaseLog, entries: Uint8Array[]): void {
  const [seen, shown] = [createMerkleTree(leavesOf(base.entries)), createMerkleTree(leavesOf(entries))]
  if (shown.size < seen.size) return
  const proof = shown.consistencyProof(seen.size)
  const claim = { size1: seen.size, root1: seen.root(), size2: shown.size, root2: shown.root(), proof }
  // What stands behind the end of the true log only extends it: there the witness has nothing against it.
  const extends_ = base.entries.every((entry, i) => equalBytes(entry, entries[i] as Uint8Array))
  if (verifyConsistency(nodeCrypto, claim) !== extends_) throw new Error(`seed ${seed}: a witness would cosign it`)
}

const leavesOf = (entries: readonly Uint8Array[]) => entries.map(entry => hashLeaf(nodeCrypto, entry))

/** Follows every change of a leaf hash through the entries behind it, as someone who re-hashes would. */
async function repair(records: Loose[], ids: Map<Loose, string>, keys: Keys): Promise<void> {
  const renamed = new Map<string, string>()
  for (const [i, record] of records.entries()) {
    let text = JSON.stringify(record)
    for (const [old, now] of renamed) text = text.replaceAll(old, now)
    const fixed = JSON.parse(text) as Loose
    for (const key of Object.keys(record)) delete record[key]
    Object.assign(record, fixed)
    await resign(record, keys)
    const old = ids.get(records[i] as Loose)
    const now = toHex(hashLeaf(nodeCrypto, canonicalBytes(record)))
    if (old !== undefined && old !== now) renamed.set(old, now)
  }
}

/** Signs anew what a case marked with `resign`: the attacker holds that key, too. */
async function resign(record: Loose, keys: Keys): Promise<void> {
  const body = record.body as Loose | undefined
  if (body?.resign !== true) return
  delete body.resign
  if (isClaimed(record as never)) Object.assign(record, claimed(record, keys.agent))
  else if (record.kind === 'proposal') {
    const digest = proposalDigest(body as unknown as Proposal)
    body.signature = toHex(keys.agent.sign(domainBytes('proposal', fromHex(digest))))
  } else if (record.kind === 'verdict') {
    const { reportSignature: _, ...unsigned } = body
    body.reportSignature = await keys.verifier.signReport('verdict-report', unsigned)
  } else if (record.kind === 'outcome') {
    const { signature: _, ...unsigned } = body
    body.signature = await keys.verifier.signReport('outcome', unsigned)
  } else if (record.kind === 'submission') {
    const rawTransaction = await otherCalls(body.rawTransaction as Hex, keys.executor)
    Object.assign(body, { rawTransaction, transactionHash: keccak256(rawTransaction) })
  }
}

/** The same transaction for a first call that says something else: what k verifiers' keys and the executor's could sign. */
async function otherCalls(raw: Hex, executor: LocalAccount): Promise<Hex> {
  const transaction = parseTransaction(raw)
  const decoded = decodeFunctionData({ abi: MODULE_ABI, data: transaction.data as Hex })
  if (decoded.functionName !== 'execute') throw new Error('the transaction is no execution')
  const [verdict, signatures, approvals] = decoded.args
  const calls = verdict.calls.map((call, i) =>
    i === 0 ? { ...call, data: `${call.data.slice(0, -1)}f` as Hex } : call,
  )
  const data = encodeFunctionData({
    abi: MODULE_ABI,
    functionName: 'execute',
    args: [{ ...verdict, calls }, signatures, approvals],
  })
  const {
    r: _r,
    s: _s,
    v: _v,
    yParity: _y,
    ...unsigned
  } = { ...transaction, data } as typeof transaction & { v?: bigint }
  return executor.signTransaction(unsigned as never)
}

export type Files = Map<string, Uint8Array>
/** What a log is signed with, and its payloads. */
type Signing = Pick<BaseLog, 'key' | 'vkey' | 'blobs'> & { keys: Pick<Keys, 'log'> }

/** The files of a log of these entries, signed. */
export function logFiles(base: Signing, entries: readonly Uint8Array[]): Files {
  const tree = createMerkleTree(leavesOf(entries))
  const text = formatCheckpoint({ origin: base.key.name, size: tree.size, root: tree.root() })
  return new Map([
    ['checkpoint', signed(base, text)],
    ['vkey', utf8(`${base.vkey}\n`)],
    [`tile/entries/000.p/${entries.length}`, encodeBundle(entries)],
    [`tile/0/000.p/${entries.length}`, tree.nodes(0, 0, tree.size)],
    ['blobs/pack-000000', base.blobs],
  ])
}

function signed({ key, keys }: Signing, text: string): Uint8Array {
  return utf8(formatNote(text, [{ name: key.name, id: key.id, signature: keys.log.sign(utf8(text)) }]))
}

/** Files in memory as a log's. */
export const filesOf = (files: Files): LogFiles => ({
  read: async path => files.get(path) ?? null,
  list: async () => [...files.keys()],
})

const tileAt = (files: Files, prefix: string) => [...files.keys()].find(path => path.startsWith(prefix)) as string
const changedAt = (bytes: Uint8Array, at: number) => {
  const changed = bytes.slice()
  changed[at] = (changed[at] as number) ^ 1
  return changed
}
const replaced = (files: Files, path: string, bytes: Uint8Array) => new Map([...files, [path, bytes] as const])

const FILE_CHANGES = new Map<string, (files: Files, random: Random, base: BaseLog) => Files>([
  [
    'file: a hash of a tile',
    (files, random) => {
      const path = tileAt(files, 'tile/0/')
      const bytes = files.get(path) as Uint8Array
      return replaced(files, path, changedAt(bytes, Math.floor(random() * bytes.length)))
    },
  ],
  [
    'file: the checkpoint of another tree',
    (files, random, base) => {
      // The keeper signs a root that the entries do not have; the note itself is in order.
      const lines = fromUtf8(files.get('checkpoint') as Uint8Array).split('\n')
      const root = Buffer.from(lines[2] as string, 'base64')
      root[Math.floor(random() * 32)] = Math.floor(random() * 256)
      root[0] = (root[0] as number) ^ 0x80
      const text = `${lines[0]}\n${lines[1]}\n${root.toString('base64')}\n`
      return replaced(files, 'checkpoint', signed(base, text))
    },
  ],
  [
    'file: a bundle cut short',
    (files, random) => {
      const path = tileAt(files, 'tile/entries/')
      const bytes = files.get(path) as Uint8Array
      return replaced(files, path, bytes.slice(0, bytes.length - 1 - Math.floor(random() * 500)))
    },
  ],
  [
    'file: a payload',
    (files, random) => {
      const bytes = files.get('blobs/pack-000000') as Uint8Array
      return replaced(files, 'blobs/pack-000000', changedAt(bytes, 40 + Math.floor(random() * 1_000)))
    },
  ],
  ['file: payloads gone', files => new Map([...files].filter(([path]) => !path.startsWith('blobs/')))],
  [
    'file: something else',
    (files, random) => replaced(files, pick(random, ['tile/x', 'notes', 'tile/0/001']), utf8('x')),
  ],
  [
    'file: the key beside it',
    (files, random) => replaced(files, 'vkey', changedAt(files.get('vkey') as Uint8Array, Math.floor(random() * 20))),
  ],
])
export const REWRITING_NAMES = REWRITINGS.map(({ name }) => name)

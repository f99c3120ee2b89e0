import { existsSync, statSync } from 'node:fs'
import { z } from 'zod'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openBundle } from '#runtime/log/bundleFile.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { openRemoteFiles } from '#runtime/log/remoteFiles.ts'
import { verifyUnits } from '#runtime/log/verifyUnits.ts'
import { type LogReport, verifyLog } from '#verifier/audit/verifyLog.ts'
import { fromUtf8, toHex } from '#verifier/evidence/bytes.ts'
import { parseCanonical } from '#verifier/evidence/canonical.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { count } from '#verifier/evidence/primitives.ts'
import { decodeRecord } from '#verifier/evidence/record.ts'
import { type NoteKey, parseNote, parseVkey } from '#verifier/log/signedNote.ts'
import { verifyRange } from '#verifier/log/verifyRange.ts'
import { type LogFiles, verifyTree } from '#verifier/log/verifyTree.ts'
import { keyName } from './logKey.ts'
import { readQuorum } from './runLog.ts'

/** `quorum`: a file of witnesses whose cosignatures are demanded. */
export type VerifyLogOptions = { vkey?: string | undefined; tree?: boolean | undefined; quorum?: string | undefined }
/** `range`: of a bundle that holds a part of its log, whose records are read but not followed. */
export type VerifiedLog = {
  report: LogReport
  /** Name and id of the key; null where there is none that can be read. */
  key: string | null
  pinned: boolean
  range: { from: number; to: number } | null
}

/** Verifies a log: its directory, a bundle of it, or the URL that serves it. A damaged key beside it is evidence that fails, not bad input. @throws FILE_MISSING, UNREACHABLE */
export async function verifyLogAt(where: string, options: VerifyLogOptions): Promise<VerifiedLog> {
  let files: Awaited<ReturnType<typeof openFiles>> | null = null
  try {
    files = await openFiles(where)
    const pinned = options.vkey !== undefined
    let key: NoteKey
    try {
      key = parseVkey(nodeCrypto, options.vkey ?? fromUtf8(await vkeyBeside(files, where)).replace(/\n$/, ''))
    } catch (error) {
      if (pinned || !(error instanceof WarrantError) || error.code === 'FILE_MISSING') throw error
      return {
        key: null,
        pinned,
        range: null,
        report: { ...NOTHING, findings: [{ where: 'vkey', reason: error.shortMessage }] },
      }
    }
    const range = await rangeOf(files)
    const report =
      range !== null
        ? await verifyPart(files, key, range)
        : options.tree
          ? await verifyTreeAlone(where, files, key)
          : await verifyLog({ files: withoutManifest(files), crypto: nodeCrypto, key })
    if (options.quorum !== undefined) report.findings.push(...(await quorumFindings(files, options.quorum)))
    return { key: keyName(key), pinned, range, report: { ...report, ok: report.findings.length === 0 } }
  } catch (error) {
    // What a bundle says of itself is evidence, too.
    if (!(error instanceof WarrantError) || error.code !== 'EVIDENCE_MALFORMED') throw error
    return {
      key: null,
      pinned: false,
      range: null,
      report: { ...NOTHING, findings: [{ where, reason: error.shortMessage }] },
    }
  } finally {
    if (files !== null && 'close' in files) files.close()
  }
}

const NOTHING: LogReport = {
  ok: false,
  origin: null,
  size: 0,
  root: null,
  records: {},
  open: [],
  blobs: { present: 0, missing: [], retired: [] },
  findings: [],
}

/** A log's files, wherever they lie. @throws FILE_MISSING, EVIDENCE_MALFORMED */
export async function openFiles(where: string): Promise<LogFiles | (LogFiles & { close(): void })> {
  if (/^https?:\/\//.test(where)) return openRemoteFiles(where)
  if (existsSync(where) && statSync(where).isFile()) return openBundle(where)
  return openLogFiles(where)
}

async function vkeyBeside(files: LogFiles, where: string): Promise<Uint8Array> {
  const bytes = await files.read('vkey')
  if (bytes === null)
    throw new WarrantError('FILE_MISSING', `no key lies beside ${where}: give the log's verification key with --vkey`)
  return bytes
}

/** The range in a bundle's manifest; null for a whole log. @throws EVIDENCE_MALFORMED */
async function rangeOf(files: LogFiles): Promise<{ from: number; to: number } | null> {
  const bytes = await files.read('bundle.json')
  if (bytes === null) return null
  const parsed = z
    .strictObject({ v: z.literal(1), from: count, to: count, size: count })
    .safeParse(parseCanonical(bytes))
  if (!parsed.success) throw new WarrantError('EVIDENCE_MALFORMED', 'bundle.json is not the manifest of a bundle')
  const { from, to, size } = parsed.data
  return from === 0 && to === size ? null : { from, to }
}

/** A bundle's files without its own manifest: a log's. */
export function withoutManifest(files: LogFiles): LogFiles {
  return {
    read: path => files.read(path),
    list: async () => (await files.list()).filter(name => name !== 'bundle.json'),
  }
}

/** Whether the checkpoint carries the cosignatures that a quorum file asks for. */
async function quorumFindings(files: LogFiles, file: string): Promise<LogReport['findings']> {
  const quorum = readQuorum(file)
  const note = await files.read('checkpoint')
  if (note === null) return []
  const { met, cosigned } = quorum.check(nodeCrypto, parseNote(fromUtf8(note)))
  const who = cosigned.map(({ name }) => name).join(', ') || 'none of them'
  return met ? [] : [{ where: 'checkpoint', reason: `the quorum of ${file} is not met: cosigned by ${who}` }]
}

async function verifyPart(
  files: LogFiles,
  key: NoteKey,
  { from, to }: { from: number; to: number },
): Promise<LogReport> {
  const records: LogReport['records'] = {}
  const malformed: LogReport['findings'] = []
  const { checkpoint, blobs, findings } = await verifyRange(
    { files, crypto: nodeCrypto, key, from, to },
    (entry, index) => {
      try {
        const { kind } = decodeRecord(entry)
        records[kind] = (records[kind] ?? 0) + 1
      } catch (error) {
        malformed.push({ where: `entry ${index}`, reason: (error as Error).message })
      }
    },
  )
  const all = [...findings, ...malformed]
  return {
    ok: all.length === 0,
    origin: checkpoint?.origin ?? null,
    size: checkpoint?.size ?? 0,
    root: checkpoint === null ? null : toHex(checkpoint.root),
    records,
    open: [],
    blobs: { present: blobs.size, missing: [], retired: [] },
    findings: all,
  }
}

async function verifyTreeAlone(where: string, files: LogFiles, key: NoteKey): Promise<LogReport> {
  // Threads open the directory themselves; a bundle or a server is read here.
  const units = existsSync(where) && statSync(where).isDirectory() ? { units: verifyUnits(where) } : {}
  const { checkpoint, blobs, findings } = await verifyTree({
    files: withoutManifest(files),
    crypto: nodeCrypto,
    key,
    ...units,
  })
  return {
    ok: findings.length === 0,
    origin: checkpoint?.origin ?? null,
    size: checkpoint?.size ?? 0,
    root: checkpoint === null ? null : toHex(checkpoint.root),
    records: {},
    open: [],
    blobs: { present: blobs.size, missing: [], retired: [] },
    findings,
  }
}

import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { verifyUnits } from '#runtime/log/verifyUnits.ts'
import { type LogReport, verifyLog } from '#verifier/audit/verifyLog.ts'
import { toHex } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { NoteKey } from '#verifier/log/signedNote.ts'
import { type LogFiles, verifyTree } from '#verifier/log/verifyTree.ts'
import { logKeyFor } from './logKey.ts'

/** Verifies the log in a directory. A damaged key file beside it is evidence that fails, not bad input. */
export async function verifyLogDirectory(
  dir: string,
  { vkey, tree }: { vkey?: string; tree?: boolean },
): Promise<{ report: LogReport; pinned: boolean }> {
  const files = openLogFiles(dir)
  try {
    const { key, pinned } = logKeyFor(dir, vkey)
    const report = tree ? await verifyTreeAlone(dir, files, key) : await verifyLog({ files, crypto: nodeCrypto, key })
    return { report, pinned }
  } catch (error) {
    if (vkey !== undefined || !(error instanceof WarrantError) || error.code === 'FILE_MISSING') throw error
    const findings = [{ where: 'vkey', reason: error.shortMessage }]
    return {
      pinned: false,
      report: {
        ok: false,
        origin: null,
        size: 0,
        root: null,
        records: {},
        blobs: { present: 0, missing: [] },
        findings,
      },
    }
  }
}

async function verifyTreeAlone(dir: string, files: LogFiles, key: NoteKey): Promise<LogReport> {
  const { checkpoint, blobs, findings } = await verifyTree({ files, crypto: nodeCrypto, key, units: verifyUnits(dir) })
  return {
    ok: findings.length === 0,
    origin: checkpoint?.origin ?? null,
    size: checkpoint?.size ?? 0,
    root: checkpoint === null ? null : toHex(checkpoint.root),
    records: {},
    blobs: { present: blobs.size, missing: [] },
    findings,
  }
}

import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { type LogReport, verifyLog } from '#verifier/audit/verifyLog.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { logKeyFor } from './logKey.ts'

/** Verifies the log in a directory. A damaged key file beside it is evidence that fails, not bad input. */
export async function verifyLogDirectory(
  dir: string,
  vkey: string | undefined,
): Promise<{ report: LogReport; pinned: boolean }> {
  const files = openLogFiles(dir)
  try {
    const { key, pinned } = logKeyFor(dir, vkey)
    return { report: await verifyLog({ files, crypto: nodeCrypto, key }), pinned }
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

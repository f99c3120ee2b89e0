import { existsSync, readFileSync } from 'node:fs'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { parseWarrant, verifyWarrant, type WarrantReport } from '#verifier/audit/verifyWarrant.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { parseVkey } from '#verifier/log/signedNote.ts'
import { createStoryCollector } from './explainDecision.ts'
import { explanationPage } from './explanationPage.ts'
import { keyName } from './logKey.ts'

/** Verifies a `.warrant` file and tells its decision's story. @throws FILE_MISSING, BAD_INPUT */
export async function showWarrant(
  file: string,
  vkey: string | undefined,
): Promise<{ report: WarrantReport; page: string[] | null; pinned: boolean }> {
  if (!existsSync(file)) throw new WarrantError('FILE_MISSING', `${file}: no such file`)
  const key = vkey === undefined ? null : parseVkey(nodeCrypto, vkey)
  const stories = createStoryCollector()
  const bytes = readFileSync(file)
  const report = await verifyWarrant({ crypto: nodeCrypto, bytes, key }, (leaf, _index, records) =>
    stories.onRecord(leaf, records),
  )
  const story = report.decision === null ? null : stories.find(report.decision)
  const page =
    story === null
      ? null
      : explanationPage({
          ...story,
          from: 'warrant',
          verified: report.ok,
          findings: report.findings.length,
          key: keyName(key ?? parseVkey(nodeCrypto, parseWarrant(bytes).vkey)),
          pinned: key !== null,
        })
  return { report, page, pinned: key !== null }
}

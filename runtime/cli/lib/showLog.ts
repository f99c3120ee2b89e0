import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { toHex } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { decodeRecord } from '#verifier/evidence/record.ts'
import { verifyTree } from '#verifier/log/verifyTree.ts'
import { logKeyFor } from './logKey.ts'
import { printJson, printJsonLine } from './output.ts'

/** Prints records of a verified log. @throws EVIDENCE_MALFORMED when the log does not verify */
export async function showLog(
  dir: string,
  options: { from: string; to?: string; kind?: string; json?: boolean },
): Promise<void> {
  const [from, to] = [Number(options.from), options.to === undefined ? Number.POSITIVE_INFINITY : Number(options.to)]
  if (!Number.isInteger(from) || from < 0 || !(to > from))
    throw new WarrantError('BAD_INPUT', '--from and --to must be indices with from < to')
  const { key } = logKeyFor(dir, undefined)
  const shown: unknown[] = []
  const report = await verifyTree({ files: openLogFiles(dir), crypto: nodeCrypto, key }, (entry, index, leaf) => {
    if (index < from || index >= to) return
    const record = decodeRecord(entry)
    if (options.kind === undefined || record.kind === options.kind)
      shown.push({ index, leafHash: toHex(leaf), ...record })
  })
  const [finding] = report.findings
  if (finding !== undefined) throw new WarrantError('EVIDENCE_MALFORMED', `${finding.where}: ${finding.reason}`)
  if (options.json) return printJson(shown)
  for (const record of shown) printJsonLine(record)
}

import { exportBundle } from '#runtime/log/exportBundle.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { exportWarrant } from './exportWarrant.ts'
import { logKeyFor } from './logKey.ts'

/** Exports a log, a range of it, or one decision. @throws BAD_INPUT, FILE_MISSING, EVIDENCE_MISSING, EVIDENCE_MALFORMED */
export async function exportLog(
  dir: string,
  { out, from, to, decision }: { out: string; from?: string; to?: string; decision?: string },
): Promise<object> {
  if (decision !== undefined) {
    if (from !== undefined || to !== undefined)
      throw new WarrantError('BAD_INPUT', '--decision exports one decision: --from and --to are for ranges')
    return exportWarrant(dir, decision, out)
  }
  const index = (name: string, text: string) => {
    if (!/^\d{1,15}$/.test(text)) throw new WarrantError('BAD_INPUT', `--${name} must be an entry's index, got ${text}`)
    return Number(text)
  }
  return exportBundle({
    files: openLogFiles(dir),
    key: logKeyFor(dir, undefined).key,
    from: from === undefined ? 0 : index('from', from),
    to: to === undefined ? null : index('to', to),
    out,
  })
}

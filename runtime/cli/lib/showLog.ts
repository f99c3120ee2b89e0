import { WarrantError } from '#verifier/evidence/error.ts'
import type { AnyRecord } from '#verifier/evidence/record.ts'
import { complain, printJson, printJsonLine } from './output.ts'
import { failuresOf } from './reading/readingJson.ts'
import { type ReadOptions, readLog } from './reading/readLog.ts'
import { type FilterOptions, recordFilter } from './reading/recordFilter.ts'
import { whatIsNotSeen } from './reading/whatIsNotSeen.ts'

export type ShowLogOptions = ReadOptions & FilterOptions & { from: string; to?: string; json?: boolean }

type Shown = { leaf: string; index: number; record: AnyRecord }

/** Prints the records of a verified log that are asked for; returns the exit code. @throws BAD_INPUT, FILE_MISSING, UNREACHABLE */
export async function showLog(where: string, options: ShowLogOptions): Promise<number> {
  const { from: first, to: end, json, since, until, run, agent, kind, answer, value, text } = options
  const [from, to] = [Number(first), end === undefined ? Number.POSITIVE_INFINITY : Number(end)]
  if (!Number.isInteger(from) || from < 0 || !(to > from) || (end !== undefined && !Number.isInteger(to)))
    throw new WarrantError('BAD_INPUT', `--from ${first} --to ${end ?? ''}: must be indices with from < to`)
  const filter = recordFilter({ since, until, run, agent, kind, answer, value, text })
  const shown: Shown[] = []
  const reading = await readLog(where, options, (leaf, index, records) => {
    const record = records.record(leaf)
    if (record === null) return
    filter.take({ leaf, record })
    if (index >= from && index < to) shown.push({ leaf, index, record })
  })
  for (const failure of failuresOf(reading)) complain(`FAIL  ${failure}`)
  // A log that does not verify is looked into all the more: its failures come first, and the exit code says so.
  if (reading.report.ok) filter.refuseUnknown()
  const passing = shown.filter(filter.passes).map(({ leaf, index, record }) => ({ index, leafHash: leaf, ...record }))
  if (json) printJson(passing)
  else for (const record of passing) printJsonLine(record)
  for (const line of whatIsNotSeen(reading)) complain(line)
  return reading.ok ? 0 : 1
}
